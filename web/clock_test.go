package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"wellkeeper.internal/web"
	"wellkeeper.internal/web/auth"
)

// timekeeper is a clock that can be set until a service keeps it.
type timekeeper struct {
	kept, broken bool
	at           time.Time
	by           string
}

func (k *timekeeper) Clock() web.Timekeeping {
	return web.Timekeeping{Time: k.at, Machine: k.at.Add(-90 * time.Second), Source: "technician", By: k.by}
}

func (k *timekeeper) SetClock(_ context.Context, now time.Time, by string) error {
	switch {
	case k.kept:
		return web.ErrClockKept
	case k.broken:
		return errors.New("the disk failed")
	}
	k.at, k.by = now, by
	return nil
}

func TestTheClockIsSet(t *testing.T) {
	k := &timekeeper{at: time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)}
	s := withUsers(t, func(c *web.Config) { c.Clock = k })
	set := func(as, at string) (int, string) {
		c := call{method: http.MethodPost, path: "/api/v1/clock", body: map[string]string{"time": at}}
		if as != "" {
			access, _ := s.grant(t, as)
			c.header = bearer(access)
		}
		w := s.call(t, c)
		return w.Code, w.Body.String()
	}
	const good = "2026-11-25T09:30:00+05:00"
	for name, tt := range map[string]struct {
		as, at string
		want   int
	}{
		"nobody":             {"", good, http.StatusUnauthorized},
		"a viewer":           {auth.Viewer.String(), good, http.StatusForbidden},
		"no zone":            {auth.Technician.String(), "2026-11-25T09:30:00", http.StatusBadRequest},
		"a year of the past": {auth.Technician.String(), "1999-11-25T09:30:00Z", http.StatusBadRequest},
	} {
		if code, body := set(tt.as, tt.at); code != tt.want || k.by != "" {
			t.Errorf("%s: got %d %s, want %d; set by %q", name, code, body, tt.want, k.by)
		}
	}
	code, body := set(auth.Technician.String(), good)
	var told struct {
		Time   time.Time `json:"time"`
		Source string    `json:"source"`
		By     string    `json:"by"`
		Offset float64   `json:"offset_seconds"`
	}
	if err := json.Unmarshal([]byte(body), &told); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s, %v", code, body, err)
	}
	want := time.Date(2026, 11, 25, 4, 30, 0, 0, time.UTC)
	if told.Time.Sub(want).Abs() > 10*time.Second || told.By != "technician" || told.Source != "technician" || told.Offset != 90 {
		t.Errorf("after it was set: %+v", told)
	}
	k.kept = true
	if code, body := set(auth.Admin.String(), good); code != http.StatusConflict {
		t.Errorf("kept by a service: %d %s", code, body)
	}
	k.kept, k.broken = false, true
	if code, _ := set(auth.Admin.String(), good); code != http.StatusInternalServerError {
		t.Errorf("the disk failed: %d", code)
	}
}
