package modbus_test

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"testing"
	"time"

	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/scripts/goal"
)

// field is a value as Telegraf's Modbus input is told of it.
type field struct {
	fc            uint8
	first, length int
}

// grouped counts the requests into which Telegraf puts fields, by the rules that it
// publishes (https://github.com/influxdata/telegraf/tree/master/plugins/inputs/modbus,
// README, "Optimization setting"): fields of one register type in the order of their
// addresses go into one request as long as the hole between two does not exceed fill
// (max_insert; 0 is none, where fields must be consecutive) and the request does not
// exceed the batch. The batch is that of the device here, although Telegraf always takes
// the standard's.
func grouped(fields []field, batch, fill int, apart func(fc uint8, from, to int) bool) int {
	slices.SortFunc(fields, func(a, b field) int {
		return cmp.Or(cmp.Compare(a.fc, b.fc), cmp.Compare(a.first, b.first), cmp.Compare(b.length, a.length))
	})
	requests := 0
	var fc uint8
	first, end := 0, 0
	for _, f := range fields {
		last := max(end, f.first+f.length)
		if requests > 0 && f.fc == fc && f.first-end <= fill && last-first <= batch && !apart(f.fc, end, f.first) {
			end = last
			continue
		}
		requests++
		fc, first, end = f.fc, f.first, f.first+f.length
	}
	return requests
}

// telegraf is how many requests it sends for a profile at each interval. What the device
// forbids is forbidden to both: registers that must not be touched, and pairs whose words
// must be read one by one.
func telegraf(p *profile.Profile, fill int) int {
	var fields []field
	alone := map[field]bool{}
	for _, point := range slices.Concat(p.Selectors(), p.Points) {
		f := field{point.FC, int(point.Wire), point.Registers()}
		if point.Ordered {
			alone[f] = true
			continue
		}
		fields = append(fields, f)
	}
	forbidden := func(_ uint8, from, to int) bool {
		return slices.ContainsFunc(p.NeverRead, func(s profile.Span) bool { return int(s.Last) >= from && int(s.First) < to })
	}
	return grouped(fields, p.Link.MaxRegs, fill, forbidden) + 2*len(alone)
}

// For every profile that the program carries a poll sends on average no more requests
// than Telegraf would, at each of its ways to group them that read no more beside what
// is wanted.
func TestRequestsAgainstTelegraf(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(configs.Profiles, "profiles/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("profiles: %v, %v", files, err)
	}
	worst, ours, plain, filled := 0.0, 0.0, 0, 0
	for _, file := range files {
		content, err := fs.ReadFile(configs.Profiles, file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := profile.Parse(file, content)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := modbus.PlanOf(modbus.Device{ID: "d", URL: "tcp://h", Unit: 1, Profile: p, Period: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		mean := 0.0
		for _, g := range plan.Groups {
			if !g.Fast {
				mean += float64(len(g.Requests)) * float64(time.Second) / float64(g.Period)
			}
		}
		none, insert := telegraf(p, 0), telegraf(p, p.Link.MaxHole)
		ours, plain, filled = ours+mean, plain+none, filled+insert
		worst = max(worst, mean/float64(insert))
		t.Logf("%s: %.2f requests a poll (%d when all is due), Telegraf %d, with max_insert %d", path.Base(file), mean, plan.Requests, none, insert)
	}
	t.Logf("all %d profiles: %.1f requests a poll, Telegraf %d, with max_insert %d", len(files), ours, plain, filled)
	goal.Exact(t, "modbus.requests-vs-telegraf", worst, "ratio", 1)
}

// The model counts as the published examples do.
func TestGroupingModel(t *testing.T) {
	t.Parallel()
	at := func(addresses ...int) (fields []field) {
		for _, a := range addresses {
			fields = append(fields, field{3, a, 1})
		}
		return fields
	}
	never := func(uint8, int, int) bool { return false }
	for _, c := range []struct {
		name        string
		fields      []field
		batch, fill int
		want        int
	}{
		{"consecutive", at(1, 2, 3, 5, 6, 10, 11, 12, 14), 125, 0, 4},
		{"holes of one", at(1, 2, 3, 5, 6, 10, 11, 12, 14), 125, 1, 2},
		{"holes of three", at(1, 2, 3, 5, 6, 10, 11, 12, 14), 125, 3, 1},
		{"batch", at(1, 2, 3, 4, 5), 2, 0, 3},
		{"functions apart", []field{{3, 1, 1}, {4, 2, 1}}, 125, 50, 2},
	} {
		if got := grouped(c.fields, c.batch, c.fill, never); got != c.want {
			t.Errorf("%s: %d requests, want %d", c.name, got, c.want)
		}
	}
}
