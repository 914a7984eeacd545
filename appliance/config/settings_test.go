package config_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/config/yamldoc"
	"wellkeeper.internal/modbus"
)

func TestMerge(t *testing.T) {
	complete := func(change func(*config.Config)) *config.Config {
		t.Helper()
		c := &config.Config{Data: "/data", Wells: []config.Well{{ID: "W", Devices: []config.Device{{Name: "d", URL: "tcp://h", Profile: "mydrive"}}}}}
		change(c)
		c, err := config.Complete(c, config.Options{Profiles: carried()})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	old := complete(func(*config.Config) {})
	now := complete(func(c *config.Config) {
		c.Data, c.Store.CommitEvery, c.Log.Level, c.Site.TimeZone = "/other", time.Minute, "warn", "Asia/Kolkata"
		c.Wells[0].Name, c.Wells[0].Devices[0].Period = "North", 2*time.Second
	})
	next, live, restart := config.Merge(old, now)
	if diff := cmp.Diff([]string{"log.level", "site.time_zone"}, live); diff != "" {
		t.Errorf("live settings differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"data", "store.commit_every"}, restart); diff != "" {
		t.Errorf("settings at the restart differ (-want +got):\n%s", diff)
	}
	if next.Data != "/data" || next.Store.CommitEvery != 5*time.Second || next.Log.Level != "warn" || next.Site.Location.String() != "Asia/Kolkata" ||
		next.Wells[0].Name != "North" || next.Wells[0].Devices[0].Period != 2*time.Second {
		t.Errorf("merged is %+v", next)
	}
	if now.Data != "/other" {
		t.Error("what was asked for was changed")
	}

	// Viewing is opened by the loopback address, so it waits for that address.
	open := complete(func(c *config.Config) { c.Web.Listen = "0.0.0.0:8443" })
	next, live, restart = config.Merge(open, old)
	if *next.Web.AnonymousView || len(live) > 0 || !cmp.Equal(restart, []string{"web.anonymous_view", "web.listen"}) {
		t.Errorf("viewing is open: %t; live %q, at the restart %q", *next.Web.AnonymousView, live, restart)
	}
	next, live, restart = config.Merge(open, complete(func(c *config.Config) { c.Web.Listen, c.Web.AnonymousView = "0.0.0.0:8443", new(true) }))
	if !*next.Web.AnonymousView || !cmp.Equal(live, []string{"web.anonymous_view"}) || len(restart) > 0 {
		t.Errorf("viewing is open: %t; live %q, at the restart %q", *next.Web.AnonymousView, live, restart)
	}
}

// Devices on one port must agree on its settings, and what only the link can judge of
// a url is reported where it stands.
func TestPorts(t *testing.T) {
	text := "data: d\nwells:\n" +
		"  - {id: A, devices: [{name: d, url: 'rtu:///dev/ttyS0?baud=9600', unit: 1, profile: mydrive}]}\n" +
		"  - {id: B, devices: [{name: d, url: 'rtu:///dev/ttyS0?baud=19200', unit: 1, profile: mydrive}]}\n" +
		"  - {id: C, devices: [{name: d, url: 'rtu:///dev/ttyS1?parity=X', unit: 1, profile: mydrive}]}\n"
	path := write(t, map[string]string{"wellkeeper.yaml": text})
	_, err := config.Load(path, config.Options{Profiles: carried(), Port: modbus.Port})
	all, ok := errors.AsType[*yamldoc.Error](err)
	if !ok || len(all.Problems) != 2 || all.Problems[0].Line != 4 || all.Problems[1].Line != 5 || all.Problems[1].Path != "wells[2].devices[0].url" {
		t.Errorf("error is %v, want one of line 4 and one of line 5", err)
	}
}
