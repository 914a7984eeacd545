package health_test

import (
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/health"
)

// finding is a case of the catalogue: what must be found, and the nearest that must not.
type finding struct {
	code   string // with its subject
	status health.Status
	wait   time.Duration // until it must stand
	change func(b *box, f *health.Facts)
	near   func(b *box, f *health.Facts) // must find nothing
}

func (b *box) minutes(f *health.Facts) uint64 { return uint64(f.Time.Sub(b.began) / time.Minute) }

func findings() []finding {
	return append(append(pollingFindings(), storeFindings()...), append(uplinkFindings(), boxFindings()...)...)
}

func pollingFindings() []finding {
	return []finding{
		{
			"device_silent RB-114/gauge", health.Degraded, 12 * time.Second,
			func(_ *box, f *health.Facts) {
				d := device(f, "gauge")
				d.Answers, d.LastText = false, "timeout: no answer"
			},
			func(_ *box, f *health.Facts) { d := device(f, "gauge"); d.Answers, d.Polls = false, 0 }, // not asked so far
		},
		{
			"device_without_values RB-114/drive", health.Degraded, 25 * time.Second,
			func(b *box, f *health.Facts) { device(f, "drive").LastOK = b.began.Round(0) },
			func(_ *box, f *health.Facts) { d := device(f, "drive"); d.LastOK = d.LastOK.Add(-9 * time.Second) },
		},
		{
			"points_unsupported RB-114/drive", health.OK, 62 * time.Second,
			func(_ *box, f *health.Facts) { device(f, "drive").Unsupported = []string{"torque"} },
			func(_ *box, f *health.Facts) { device(f, "drive").Unsupported = nil },
		},
		{
			"line_noisy RB-114/drive", health.Degraded, 30 * time.Minute,
			func(b *box, f *health.Facts) { device(f, "drive").Errors[esp.BadFrame] = b.minutes(f) },
			func(b *box, f *health.Facts) { device(f, "drive").Errors[esp.BadFrame] = b.minutes(f) / 3 },
		},
		{
			"polls_missed RB-114/drive", health.Degraded, 30 * time.Minute,
			func(b *box, f *health.Facts) { device(f, "drive").Missed = b.minutes(f) },
			func(b *box, f *health.Facts) { device(f, "drive").Missed = b.minutes(f) / 3 },
		},
		{
			"well_stalled RB-114", health.Failed, 46 * time.Second,
			func(b *box, f *health.Facts) { f.Wells[0].Handled = b.began },
			func(b *box, f *health.Facts) { f.Wells[0].Handled, f.Wells[0].Filling = b.began, true },
		},
	}
}

func storeFindings() []finding {
	disk := func(percent float64) func(*box, *health.Facts) {
		return func(_ *box, f *health.Facts) { f.Store.DiskFree = uint64((100 - percent) * 1e9) }
	}
	return []finding{
		{
			"store_failed storage", health.Failed, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Store.Failed, f.Store.Error = true, "input/output error" }, nil,
		},
		{
			"disk_full storage", health.Failed, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Store.Full, f.Store.DiskFree = true, 0 }, nil,
		},
		{"disk_above_95 storage", health.Degraded, 12 * time.Second, disk(95.5), nil},
		{"disk_above_90 storage", health.Degraded, 12 * time.Second, disk(90.5), nil},
		{"disk_above_80 storage", health.Degraded, 12 * time.Second, disk(80.5), disk(79.5)},
		{
			"disk_not_answering storage", health.Failed, 33 * time.Second,
			func(b *box, f *health.Facts) { f.Store.Looked = b.began },
			func(_ *box, f *health.Facts) { f.Store.Looked = f.Time.Add(-20 * time.Second) },
		},
		{
			"store_late storage", health.Degraded, 95 * time.Second,
			func(b *box, f *health.Facts) { f.Store.LastCommit = b.began.Round(0) },
			func(b *box, f *health.Facts) { f.Store.LastCommit, f.Store.Wells[0].Pending = b.began.Round(0), 0 },
		},
		{
			"readings_lost storage", health.Degraded, 2 * time.Minute,
			func(b *box, f *health.Facts) { f.Store.LostScans = b.minutes(f) },
			nil,
		},
		{
			"store_damaged storage", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Store.Quarantined = []string{"2026-11.db.damaged"} }, nil,
		},
		{
			"unclean_stop appliance", health.OK, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Unclean, f.Store.TornTails = true, 1 },
			func(_ *box, f *health.Facts) { f.Unclean, f.Started = true, f.Started.Add(-25*time.Hour) },
		},
	}
}

func uplinkFindings() []finding {
	fails := func(class string) func(*box, *health.Facts) {
		return func(b *box, f *health.Facts) {
			f.Uplink.Class, f.Uplink.Error, f.Uplink.LastSuccess = class, "it says no", b.began.Round(0)
		}
	}
	return []finding{
		{"uplink_refused central", health.Degraded, 2 * time.Second, fails("not_ready"), nil},
		{"uplink_untrusted central", health.Degraded, 2 * time.Second, fails("untrusted"), nil},
		{"uplink_offline central", health.Degraded, 11 * time.Minute, fails("unreachable"), func(b *box, f *health.Facts) {
			if b.minutes(f)%5 != 0 { // comes back now and then
				fails("unreachable")(b, f)
			}
		}},
		{
			"uplink_well_refused RB-114/central", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) {
				f.Uplink.Held = []health.Held{{Well: "RB-114", Text: "another edge has it"}}
			}, nil,
		},
		{
			"uplink_quarantine central", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Uplink.Quarantined = 2 }, nil,
		},
		{
			"backlog_growing central", health.Degraded, 70 * time.Minute,
			func(b *box, f *health.Facts) { f.Uplink.WaitingScans = 20 * b.minutes(f) },
			func(b *box, f *health.Facts) { f.Uplink.WaitingScans = 100_000 - 20*b.minutes(f) }, // drains
		},
		{
			"uplink_gap central", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Uplink.Gone = 5 }, nil,
		},
	}
}

func boxFindings() []finding {
	return []finding{
		{
			"tap_closed tap", health.Degraded, 20 * time.Second,
			func(_ *box, f *health.Facts) { f.Tap = &health.Tap{Error: "address in use"} },
			func(_ *box, f *health.Facts) { f.Tap = &health.Tap{Refused: 9} },
		},
		{
			"clock_implausible clock", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Built = f.Time.Add(24 * time.Hour) },
			func(_ *box, f *health.Facts) { f.Built = f.Time.Add(-time.Hour) },
		},
		{
			"clock_behind clock", health.Degraded, 8 * time.Second,
			func(_ *box, f *health.Facts) { f.Store.Wells[0].Newest = f.Time.Round(0).Add(2 * time.Minute) },
			func(_ *box, f *health.Facts) { f.Store.Wells[0].Newest = f.Time.Round(0).Add(30 * time.Second) },
		},
		{
			"configuration_refused configuration", health.Degraded, 2 * time.Second,
			func(b *box, f *health.Facts) {
				f.Config = health.Config{Refused: "line 3: unknown key", Since: b.began}
			}, nil,
		},
		{
			"configuration_remarks configuration", health.OK, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Config.Warnings = []string{"WELLKEEPER_X names no setting"} }, nil,
		},
		{
			"configuration_waiting configuration", health.OK, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Config.Waiting = []string{"web.listen"} }, nil,
		},
		{
			"certificate_expired certificate", health.Degraded, 2 * time.Second,
			func(b *box, f *health.Facts) { f.Certificate = b.began }, func(_ *box, f *health.Facts) { f.Certificate = time.Time{} },
		},
		{
			"certificate_expiring certificate", health.Degraded, 2 * time.Second,
			func(_ *box, f *health.Facts) { f.Certificate = f.Time.Add(29 * 24 * time.Hour) },
			func(_ *box, f *health.Facts) { f.Certificate = f.Time.Add(31 * 24 * time.Hour) },
		},
		{
			"job_failed job/backup", health.Degraded, 2 * time.Second,
			func(b *box, f *health.Facts) {
				f.Jobs = []health.Job{{Name: "backup", Began: b.began.Round(0), Failed: true, Text: "no space"}}
			},
			func(b *box, f *health.Facts) { f.Jobs = []health.Job{{Name: "backup", Began: b.began.Round(0)}} },
		},
		{
			"memory_high memory", health.Degraded, 35 * time.Second,
			func(_ *box, f *health.Facts) { f.Process.Memory = 120e6 }, func(_ *box, f *health.Facts) { f.Process.Memory, f.Process.Limit = 4e9, 0 },
		},
	}
}
