package web_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"wellkeeper.internal/web"
)

// A well that is added while the page is served has a page and a stream; one that is
// taken out has neither, and who looks at it is sent away.
func TestWellsComeAndGo(t *testing.T) {
	t.Parallel()
	s := open(t, time.Now, nil)
	all := s.listen(t, "?parts=1")
	all.next("snapshot")
	s.source.SetWells("RB-114", "RB-115")
	if wells := all.next("snapshot", "change"); wells.kind != "snapshot" || wells.data["parts"].(object)["well-RB-115"] == nil {
		t.Errorf("the list was told %v, want a snapshot with the added well", wells)
	}
	added := s.listen(t, "?well=RB-115")
	added.next("snapshot")
	if resp, body := s.get(t, "/wells/RB-115"); resp.StatusCode != http.StatusOK {
		t.Errorf("page of the added well: got %d %s", resp.StatusCode, body)
	}

	s.source.SetWells("RB-114")
	if gone := added.next("gone"); gone.data["well"] != "RB-115" {
		t.Errorf("the stream of a well that is gone ends with %v", gone)
	}
	if _, more := <-added.events; more {
		t.Error("the stream of a well that is gone goes on")
	}
	if resp, _ := s.get(t, "/api/v1/live?well=RB-115"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a new stream of it: got %d, want 404", resp.StatusCode)
	}
	if resp, _ := s.get(t, "/wells/RB-115"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("its page: got %d, want 404", resp.StatusCode)
	}
}

func TestDisplayChangesWhileServing(t *testing.T) {
	t.Parallel()
	s := open(t, nil, nil)
	_, before := s.get(t, "/")
	has(t, before, `data-units="oilfield"`, "14:32:07")
	s.SetDisplay(web.Display{AnonymousView: true, Units: web.SI, Location: time.UTC})
	_, after := s.get(t, "/")
	has(t, after, `data-units="si"`, "19:32:07")
	s.SetDisplay(web.Display{Units: web.SI, Location: time.UTC})
	if resp, _ := s.get(t, "/"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without anonymous view: got %d, want 401", resp.StatusCode)
	}
}

// The list of wells has the notices that the page of a well has, and hears of new ones.
func TestNoticesOnTheListOfWells(t *testing.T) {
	t.Parallel()
	var notices atomic.Pointer[[]string]
	notices.Store(new([]string))
	s := open(t, time.Now, func(c *web.Config) { c.Notices = func() []string { return *notices.Load() } }, "RB-114", "RB-115")
	l := s.listen(t, "?parts=1")
	l.next("snapshot")
	const text = "The configuration was refused."
	notices.Store(&[]string{text})
	for banner := ""; banner == ""; {
		if parts, ok := l.next("change").data["parts"].(object); ok && parts["banner"] != nil {
			banner = parts["banner"].(string)
			has(t, banner, text)
		}
	}
	_, body := s.get(t, "/")
	has(t, body, text)
}
