package uitest

import (
	"os"
	"sync"
	"testing"
)

// one holds the browser that most tests share.
var one struct {
	sync.Mutex
	browser *Browser
	tb      *holder
}

// holder is a testing.TB whose cleanups run at the end of all tests.
type holder struct {
	testing.TB
	cleanups []func()
}

func (h *holder) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// shared is a browser for all tests that leave no choices behind in it.
func shared(t *testing.T) *Browser {
	t.Helper()
	one.Lock()
	defer one.Unlock()
	if one.browser == nil {
		one.tb = &holder{TB: t}
		one.browser = OpenBrowser(one.tb)
	}
	return one.browser
}

func TestMain(m *testing.M) {
	defer func() {
		binaries.Range(func(dir, _ any) bool { return os.RemoveAll(dir.(string)) == nil })
		if one.tb == nil {
			return
		}
		for i := len(one.tb.cleanups) - 1; i >= 0; i-- {
			one.tb.cleanups[i]()
		}
	}()
	m.Run()
}
