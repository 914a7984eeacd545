package uitest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Everything that knows the browser driver is in this file.

// required reports whether a missing peer is a failure.
func required() bool { return os.Getenv("UI_REQUIRE") == "1" || os.Getenv("CI") == "true" }

// findBrowser is the path of a browser; the test is skipped or failed without one.
func findBrowser(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{os.Getenv("UI_BROWSER"), "chromium", "google-chrome", "chromium-browser"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const why = "no browser: install chromium, or name one in UI_BROWSER"
	if required() {
		tb.Fatal(why)
	}
	tb.Skip(why)
	return ""
}

// Browser is one running browser with its own empty profile.
type Browser struct{ ctx context.Context }

// OpenBrowser starts a browser that ends with the test.
func OpenBrowser(tb testing.TB) *Browser {
	tb.Helper()
	path := findBrowser(tb)
	dir, err := os.MkdirTemp("", "wellkeeper-ui-") //nolint:usetesting // the browser writes to it until it is gone, which fails TempDir's removal
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { removeAll(dir) })
	ctx, stop := chromedp.NewExecAllocator(
		context.Background(),
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.NoSandbox,
		chromedp.Flag("headless", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-first-run", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
	)
	tb.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx)
	tb.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		tb.Fatalf("start the browser: %v", err)
	}
	return &Browser{ctx: ctx}
}

// removeAll removes a profile: the browser writes to it until it is gone.
func removeAll(dir string) {
	for range 20 {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Tab is one page. Its methods fail the test when the browser does not do as told.
type Tab struct {
	tb  testing.TB
	ctx context.Context

	mu       sync.Mutex // guards what follows
	requests []string
	bytes    float64
}

// Tab opens a tab of the given size, in CSS pixels, at a scale.
func (b *Browser) Tab(tb testing.TB, width, height int64, scale float64) *Tab {
	tb.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	tb.Cleanup(cancel)
	t := &Tab{tb: tb, ctx: ctx}
	t.Size(width, height, scale)
	requests := chromedp.Events(ctx, network.RequestWillBeSent)
	finished := chromedp.Events(ctx, network.LoadingFinished)
	go func() {
		for e, err := range requests {
			if err != nil {
				return
			}
			t.mu.Lock()
			t.requests = append(t.requests, e.Request.URL)
			t.mu.Unlock()
		}
	}()
	go func() {
		for e, err := range finished {
			if err != nil {
				return
			}
			t.mu.Lock()
			t.bytes += e.EncodedDataLength
			t.mu.Unlock()
		}
	}()
	t.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
		return err
	}))
	return t
}

func (t *Tab) do(a chromedp.Action[chromedp.Void]) {
	t.tb.Helper()
	if err := chromedp.Do(t.ctx, a); err != nil {
		t.tb.Fatalf("browser: %v", err)
	}
}

// Size changes the size of the tab.
func (t *Tab) Size(width, height int64, scale float64) {
	t.tb.Helper()
	t.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(scale)))
}

// Scheme makes the system's theme light or dark, or the medium print.
func (t *Tab) Scheme(scheme, media string) {
	t.tb.Helper()
	t.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media:    media,
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// Open goes to a page and waits until it is loaded.
func (t *Tab) Open(address string) {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.tb.Fatalf("open %s: %v", address, err)
	}
}

// Wait waits until a JavaScript expression is true.
func (t *Tab) Wait(what, expression string, atMost time.Duration) time.Duration {
	t.tb.Helper()
	start := time.Now()
	for {
		ok, err := chromedp.Run(t.ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && ok { // an error is a page that is just being loaded
			return time.Since(start)
		}
		if time.Since(start) > atMost {
			t.tb.Fatalf("%s: not within %s (%v); page says: %.600s", what, atMost, err, t.Text("document.body.innerText"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Text evaluates an expression to a string.
func (t *Tab) Text(expression string) string {
	t.tb.Helper()
	return eval[string](t, "String("+expression+")")
}

// Number evaluates an expression to a number.
func (t *Tab) Number(expression string) float64 {
	t.tb.Helper()
	return eval[float64](t, "Number("+expression+")")
}

// List evaluates an expression to a list of strings.
func (t *Tab) List(expression string) []string {
	t.tb.Helper()
	return eval[[]string](t, expression)
}

// Run evaluates statements.
func (t *Tab) Run(statements string) {
	t.tb.Helper()
	eval[bool](t, "(() => {"+statements+"; return true})()")
}

func eval[T any](t *Tab, expression string) T {
	t.tb.Helper()
	v, err := chromedp.Run(t.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.tb.Fatalf("evaluate %s: %v", expression, err)
	}
	return v
}

// Traffic is what the tab has asked for so far, and the bytes that came of what is
// finished.
func (t *Tab) Traffic() (requests []string, bytes float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.requests...), t.bytes
}

// Foreign lists the requests to another origin than that of address.
func (t *Tab) Foreign(address string) []string {
	t.tb.Helper()
	home, err := url.Parse(address)
	if err != nil {
		t.tb.Fatal(err)
	}
	all, _ := t.Traffic()
	var out []string
	for _, r := range all {
		if u, err := url.Parse(r); err != nil || (u.Host != home.Host && !strings.HasPrefix(r, "data:") && r != "about:blank") {
			out = append(out, r)
		}
	}
	return out
}

// Shot writes a picture of the tab, of the whole page with full.
func (t *Tab) Shot(file string, full bool) {
	t.tb.Helper()
	take := chromedp.CaptureScreenshot()
	if full {
		take = chromedp.FullScreenshot(100)
	}
	png, err := chromedp.Run(t.ctx, take)
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	if err != nil {
		t.tb.Fatal(fmt.Errorf("screenshot: %w", err))
	}
}
