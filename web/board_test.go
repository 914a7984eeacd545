package web_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/web"
)

func layout(t *testing.T, names ...string) *esp.Layout {
	t.Helper()
	var columns []esp.Column
	for _, n := range names {
		columns = append(columns, esp.Column{Name: n, Device: "d", Unit: esp.Hertz, Scale: esp.Identity()})
	}
	l, err := esp.NewLayout("W", columns, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func good(v float64) esp.Reading { return esp.Reading{Value: v, Raw: int64(v), Quality: esp.Good} }

func TestBoardMergesScans(t *testing.T) {
	b := web.NewBoard()
	if signals, scan := b.Latest(); len(signals) != 0 || !scan.IsZero() {
		t.Errorf("an empty board: got %v at %v", signals, scan)
	}
	l := layout(t, "drive_frequency", "vendor_thing")
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(i int) time.Time { return t0.Add(time.Duration(i) * time.Second) }
	notDue, lost := esp.Reading{Value: math.NaN()}, esp.LostReading(esp.Timeout)
	marker := esp.Reading{Value: 655.35, Quality: esp.Invalid, Reason: esp.Marker} // a number, and none to show
	doubtful := esp.Reading{Value: 118, Quality: esp.Suspect, Reason: esp.ImpossibleRate}
	for i, readings := range [][]esp.Reading{{good(50), good(1)}, {good(51), notDue}, {doubtful, good(2)}, {marker, notDue}, {lost, notDue}} {
		b.Observe(&esp.Scan{Well: "W", Time: at(i), Layout: l, Readings: readings})
	}
	got, scan := b.Latest()
	nan := math.NaN()
	want := []web.Signal{
		{Name: "drive_frequency", ID: esp.DriveFrequency, Device: "d", Unit: esp.Hertz, Reading: lost, Time: at(4), Last: 51, LastTime: at(1), UsualLow: nan, UsualHigh: nan},
		{Name: "vendor_thing", Device: "d", Unit: esp.Hertz, Reading: good(2), Time: at(2), Last: 2, LastTime: at(2), UsualLow: nan, UsualHigh: nan},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("latest (-want +got):\n%s", diff)
	}
	if !scan.Equal(at(4)) {
		t.Errorf("scan: got %v, want %v", scan, at(4))
	}

	// A changed configuration keeps what is known of the same signals, as last values.
	b.Observe(&esp.Scan{Well: "W", Time: at(5), Layout: layout(t, "motor_current", "drive_frequency"), Readings: []esp.Reading{good(40), lost}})
	got, _ = b.Latest()
	if len(got) != 2 || got[1].Last != 51 || !got[1].LastTime.Equal(at(1)) || got[0].Last != 40 {
		t.Errorf("after a change of layout: got %+v", got)
	}
}

func TestBoardKeepsCurves(t *testing.T) {
	b := web.NewBoard()
	l := layout(t, "drive_frequency")
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // a whole interval of 75 s
	observe := func(seconds int, r esp.Reading) {
		b.Observe(&esp.Scan{Well: "W", Time: t0.Add(time.Duration(seconds) * time.Second), Layout: l, Readings: []esp.Reading{r}})
	}
	points := func() []web.Point {
		s, _ := b.Latest()
		return s[0].Points
	}
	nan := math.NaN()
	observe(0, good(5))
	observe(30, good(3))
	observe(31, esp.Reading{Value: 1000, Quality: esp.Suspect})
	observe(74, good(4))
	if got := points(); len(got) != 0 {
		t.Errorf("an incomplete interval was given out: %v", got)
	}
	observe(75, esp.LostReading(esp.Timeout))
	observe(4*75, good(7))
	observe(5*75, good(8))
	want := []web.Point{{Min: 3, Max: 5}, {Min: nan, Max: nan}, {Min: nan, Max: nan}, {Min: nan, Max: nan}, {Min: 7, Max: 7}}
	if diff := cmp.Diff(want, points(), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("curve (-want +got):\n%s", diff)
	}
	observe(86400, good(9))
	observe(86400+75, good(9))
	if got := points(); len(got) != 72 || !math.IsNaN(got[70].Min) || got[71].Max != 9 {
		t.Errorf("after a day without scans: got %d points ending in %v", len(got), got[len(got)-1])
	}
	observe(86400, good(1)) // the clock went back: nothing is lost or rewritten
	if got := points(); len(got) != 72 || got[71].Max != 9 {
		t.Errorf("after a backward step: got %v", got[70:])
	}
}

func TestBoardWakes(t *testing.T) {
	b := web.NewBoard()
	changed := b.Changed()
	select {
	case <-changed:
		t.Fatal("woken without a change")
	default:
	}
	b.Touch()
	select {
	case <-changed:
	default:
		t.Error("not woken by a change")
	}
	if b.Changed() == changed {
		t.Error("the next change has no channel of its own")
	}
}
