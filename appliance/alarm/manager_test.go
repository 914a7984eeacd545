package alarm_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/alarm"
	"wellkeeper.internal/appliance/esp"
)

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// rig feeds a manager second by second.
type rig struct {
	tb     testing.TB
	m      *alarm.Manager
	scan   esp.Scan
	at     time.Duration
	state  esp.State
	values map[string]float64
	worse  map[string]esp.Quality
	log    []string
	last   []esp.Alarm
}

func newRig(tb testing.TB, limits ...esp.Limit) *rig {
	tb.Helper()
	cols := []esp.Column{
		{Name: "drive_frequency", Device: "drive", Unit: esp.Hertz, Scale: esp.Identity()},
		{Name: "motor_current", Device: "drive", Unit: esp.Ampere, Scale: esp.Identity()},
		{Name: "intake_pressure", Device: "gauge", Unit: esp.KPa, Scale: esp.Identity()},
		{Name: "motor_temperature", Device: "gauge", Unit: esp.Celsius, Scale: esp.Identity()},
		{Name: "vibration_x", Device: "gauge", Unit: esp.Gravity, Scale: esp.Identity()},
	}
	l, err := esp.NewLayout("T-1", cols, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &rig{
		tb: tb, m: alarm.New(alarm.Config{Well: "T-1", Limits: limits}), state: esp.Running,
		scan:   esp.Scan{Well: "T-1", Layout: l, Readings: make([]esp.Reading, len(cols))},
		values: map[string]float64{"drive_frequency": 52, "motor_current": 23, "intake_pressure": 8000, "motor_temperature": 117, "vibration_x": 0.1},
		worse:  map[string]esp.Quality{},
	}
}

// run feeds d of scans, one a second, and notes every change as "12s raised id".
func (r *rig) run(d time.Duration, changes ...esp.Diagnosis) *rig {
	for end := r.at + d; r.at < end; {
		r.at += time.Second
		r.scan.Time = epoch.Add(r.at)
		for i := range r.scan.Layout.Columns {
			c := &r.scan.Layout.Columns[i]
			r.scan.Readings[i] = esp.Reading{Raw: int64(r.values[c.Name]), Value: r.values[c.Name], Quality: esp.Good}
			for _, key := range []string{c.Name, string(c.Device)} {
				if q, ok := r.worse[key]; ok {
					r.scan.Readings[i].Quality = q
					if q == esp.Lost || q == esp.Invalid {
						r.scan.Readings[i].Value = math.NaN()
					}
				}
			}
		}
		out := r.m.Observe(&r.scan, r.state, changes)
		changes = nil
		for _, a := range out {
			r.log = append(r.log, fmt.Sprintf("%v %s %s", r.at, a.Change, a.ID))
			if a.Well != "T-1" || a.Text == "" || a.Title == "" || a.Since.After(a.Time) {
				r.tb.Errorf("alarm %+v", a)
			}
		}
		r.last = append(r.last, out...)
	}
	return r
}

func (r *rig) want(lines ...string) {
	r.tb.Helper()
	if d := cmp.Diff(lines, r.log); d != "" {
		r.tb.Errorf("changes (-want +got):\n%s", d)
	}
}

func (r *rig) set(name string, v float64) *rig       { r.values[name] = v; return r }
func (r *rig) grade(name string, q esp.Quality) *rig { r.worse[name] = q; return r }
func (r *rig) heal(name string) *rig                 { delete(r.worse, name); return r }
func (r *rig) active() []esp.Alarm                   { return r.m.Active() }

// low limit of the tests: 10 s to come, 20 s to go, 200 kPa back.
var low = esp.Limit{Signal: esp.IntakePressure, Value: 5000, Deadband: 200, Delay: 10 * time.Second, OffDelay: 20 * time.Second, Priority: 2}

func TestLimitDelaysAndDeadband(t *testing.T) {
	r := newRig(t, low)
	r.run(10 * time.Second)
	r.set("intake_pressure", 4900).run(9*time.Second).set("intake_pressure", 5100).run(5 * time.Second) // too short
	r.set("intake_pressure", 4900).run(30 * time.Second)                                                // on after 10 s
	r.set("intake_pressure", 5100).run(60 * time.Second)                                                // inside the deadband
	r.set("intake_pressure", 5300).run(15 * time.Second)                                                // back, too short
	r.set("intake_pressure", 5100).run(5 * time.Second)
	r.set("intake_pressure", 5300).run(30 * time.Second)
	r.want("35s raised intake_pressure_low", "2m35s cleared intake_pressure_low")
	a := r.last[0]
	want := esp.Alarm{
		Well: "T-1", Time: epoch.Add(35 * time.Second), ID: "intake_pressure_low", Change: esp.Raised, State: esp.AlarmUnacknowledged,
		Priority: 2, Since: epoch.Add(25 * time.Second), Signal: "intake_pressure", Unit: esp.KPa, Value: 4900, Limit: 5000,
		Title: "Intake pressure low", Text: "Intake pressure is 4900.0 kPa, below its limit of 5000.0 kPa.",
	}
	if d := cmp.Diff(want, a); d != "" {
		t.Errorf("alarm (-want +got):\n%s", d)
	}
	if got := r.last[1].State; got != esp.AlarmReturned {
		t.Errorf("cleared without acknowledgement: %s", got)
	}
}

func TestBadValueNeitherRaisesNorClears(t *testing.T) {
	for _, q := range []esp.Quality{esp.Suspect, esp.Implausible, esp.Invalid, esp.Stale, esp.Lost} {
		t.Run(q.String(), func(t *testing.T) {
			r := newRig(t, low)
			r.run(5 * time.Second)
			r.set("intake_pressure", 0).grade("intake_pressure", q).run(50 * time.Second) // bad and low: nothing
			r.heal("intake_pressure").set("intake_pressure", 4900).run(5 * time.Second)
			r.grade("intake_pressure", q).run(30 * time.Second) // its time does not count
			r.heal("intake_pressure").run(4 * time.Second)
			r.want()
			r.run(6 * time.Second)
			r.want("1m37s raised intake_pressure_low")
			r.set("intake_pressure", 9000).grade("intake_pressure", q).run(40 * time.Second) // bad and back: stays
			r.want("1m37s raised intake_pressure_low")
		})
	}
}

func TestSaturatedValueCounts(t *testing.T) {
	r := newRig(t, low)
	r.set("intake_pressure", 4000).grade("intake_pressure", esp.AtLimit).run(12 * time.Second)
	r.want("11s raised intake_pressure_low")
}

func TestRunningRestriction(t *testing.T) {
	l := esp.Limit{Signal: esp.MotorCurrent, Value: 15, Delay: 5 * time.Second, OffDelay: 5 * time.Second, Priority: 2, Running: true}
	r := newRig(t, l)
	r.state = esp.Stopped
	r.set("motor_current", 0).run(time.Minute)
	r.want()
	r.state = esp.Running
	r.run(10 * time.Second)
	r.want("1m6s raised motor_current_low")
	r.state = esp.Ramping // neither begins nor ends
	r.set("motor_current", 20).run(20 * time.Second)
	r.state = esp.StateUnknown
	r.run(20 * time.Second)
	r.want("1m6s raised motor_current_low")
	r.state = esp.Tripped
	r.run(3 * time.Second)
	r.want("1m6s raised motor_current_low", "1m51s cleared motor_current_low")
}

func TestHighLimitAndSecondLevel(t *testing.T) {
	h := esp.Limit{Signal: esp.MotorTemperature, High: true, Value: 130, Deadband: 3, Delay: 2 * time.Second, OffDelay: 2 * time.Second, Priority: 2}
	hh := h
	hh.Value, hh.Priority = 140, 1
	r := newRig(t, h, hh)
	r.run(time.Second).set("motor_temperature", 135).run(5*time.Second).set("motor_temperature", 145).run(5 * time.Second)
	r.want("4s raised motor_temperature_high", "9s raised motor_temperature_high_2")
	if a := r.active(); len(a) != 2 || a[0].ID != "motor_temperature_high_2" || a[1].Priority != 2 {
		t.Errorf("active, most urgent first: %+v", a)
	}
}

func TestAcknowledge(t *testing.T) {
	r := newRig(t, low)
	r.set("intake_pressure", 4000).run(12 * time.Second)
	if _, ok := r.m.Acknowledge("motor_current_low", "ali", epoch); ok {
		t.Error("acknowledged an alarm that is not there")
	}
	at := epoch.Add(20 * time.Second)
	a, ok := r.m.Acknowledge("intake_pressure_low", "ali", at)
	if !ok || a.State != esp.AlarmAcknowledged || a.Change != esp.Updated || !a.Time.Equal(at) {
		t.Errorf("acknowledged: %+v %v", a, ok)
	}
	if _, ok := r.m.Acknowledge("intake_pressure_low", "ali", at); ok {
		t.Error("acknowledged twice")
	}
	r.set("intake_pressure", 8000).run(40 * time.Second)
	if last := r.last[len(r.last)-1]; last.Change != esp.Cleared || last.State != esp.AlarmNormal || len(r.active()) != 0 {
		t.Errorf("cleared after acknowledgement: %+v, active %v", last, r.active())
	}
	r.set("intake_pressure", 4000).run(12*time.Second).set("intake_pressure", 8000).run(40 * time.Second)
	if a := r.active(); len(a) != 1 || a[0].State != esp.AlarmReturned {
		t.Fatalf("active %+v", a)
	}
	a, ok = r.m.Acknowledge("intake_pressure_low", "ali", at)
	if !ok || a.State != esp.AlarmNormal || len(r.active()) != 0 {
		t.Errorf("acknowledged after it returned: %+v %v, active %v", a, ok, r.active())
	}
}

func TestReturnedAlarmIsRaisedAgain(t *testing.T) {
	r := newRig(t, low)
	for range 2 {
		r.set("intake_pressure", 4000).run(12*time.Second).set("intake_pressure", 8000).run(40 * time.Second)
	}
	r.want("11s raised intake_pressure_low", "33s cleared intake_pressure_low", "1m3s raised intake_pressure_low", "1m25s cleared intake_pressure_low")
	if n := len(r.active()); n != 1 {
		t.Errorf("%d active", n)
	}
}

func TestSignalLost(t *testing.T) {
	r := newRig(t, low, esp.Limit{Signal: esp.MotorTemperature, High: true, Value: 200, Priority: 1})
	r.run(10 * time.Second)
	r.grade("intake_pressure", esp.Stale).run(59 * time.Second)
	r.want()
	r.run(5 * time.Second)
	r.want("1m12s raised intake_pressure_lost")
	if a := r.last[0]; a.Priority != 3 || !a.Since.Equal(epoch.Add(11*time.Second)) || a.Title != "Intake pressure signal lost" {
		t.Errorf("alarm %+v", a)
	}
	r.heal("intake_pressure").run(20 * time.Second)
	r.want("1m12s raised intake_pressure_lost", "1m25s cleared intake_pressure_lost")
	r.grade("vibration_x", esp.Stale).run(2 * time.Minute) // no limit on it: no alarm
	r.want("1m12s raised intake_pressure_lost", "1m25s cleared intake_pressure_lost")
}

// A device whose signals die together is one alarm, not one for each.
func TestDeviceLost(t *testing.T) {
	temperature := esp.Limit{Signal: esp.MotorTemperature, High: true, Value: 200, Priority: 1}
	tests := []struct {
		name   string
		damage func(r *rig)
		want   string
		title  string
	}{
		{"silent", func(r *rig) { r.grade("gauge", esp.Lost) }, "1m12s raised device_gauge_lost", "Device gauge does not answer"},
		{"answers rubbish", func(r *rig) { r.grade("intake_pressure", esp.Invalid); r.grade("motor_temperature", esp.Invalid) }, "1m12s raised device_gauge_lost", "Device gauge: signals lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, low, temperature)
			r.run(10 * time.Second)
			tt.damage(r)
			r.run(5 * time.Minute)
			r.want(tt.want)
			if a := r.last[0]; a.Title != tt.title || a.Priority != 3 {
				t.Errorf("alarm %+v", a)
			}
			clear(r.worse)
			r.run(time.Minute)
			r.want(tt.want, "5m21s cleared device_gauge_lost")
		})
	}
}

// A second lost signal of a device makes one alarm of the two.
func TestSingleLossIsTakenOverByTheDevice(t *testing.T) {
	r := newRig(t, low, esp.Limit{Signal: esp.MotorTemperature, High: true, Value: 200, Priority: 1})
	r.grade("intake_pressure", esp.Invalid).run(2 * time.Minute)
	r.grade("motor_temperature", esp.Invalid).run(2 * time.Minute)
	r.want("1m2s raised intake_pressure_lost", "3m2s raised device_gauge_lost", "3m2s cleared intake_pressure_lost")
}

// The silence of the drive is a diagnosis; its signals add nothing to it.
// One dead gauge is one alarm: the diagnosis says which signals are lost.
func TestGaugeFaultCoversItsSignals(t *testing.T) {
	low := func(s esp.SignalID) esp.Limit { return esp.Limit{Signal: s, Value: 1, Priority: 2} }
	fault := esp.Diagnosis{ID: esp.GaugeFault, Change: esp.Raised, Severity: esp.SeverityPlan, Time: epoch, Onset: epoch, Title: "Gauge fault", Text: "No usable values."}
	for _, q := range []esp.Quality{esp.Invalid, esp.Stale, esp.Lost} {
		r := newRig(t, low(esp.IntakePressure), low(esp.MotorTemperature), low(esp.MotorCurrent))
		r.worse["gauge"] = q
		r.run(10*time.Second).run(5*time.Minute, fault)
		r.want("11s raised gauge_fault")
		r.worse["motor_current"] = esp.Invalid // what is not downhole still has its own
		r.run(2 * time.Minute)
		r.want("11s raised gauge_fault", "6m12s raised motor_current_lost")
	}
}

func TestSilentDriveIsOneAlarm(t *testing.T) {
	r := newRig(t, esp.Limit{Signal: esp.MotorCurrent, Value: 15, Priority: 2, Running: true}, esp.Limit{Signal: esp.DriveFrequency, Value: 30, Priority: 3})
	r.run(10 * time.Second)
	r.grade("drive", esp.Lost).run(30 * time.Second)
	r.state = esp.StateUnknown
	d := esp.Diagnosis{Well: "T-1", Time: epoch.Add(40 * time.Second), ID: esp.CommunicationLost, Change: esp.Raised, Severity: esp.SeverityNow, Title: "No contact with the drive", Text: "x", Onset: epoch.Add(10 * time.Second)}
	r.run(5*time.Minute, d)
	r.want("41s raised communication_lost")
	if r.last[0].Priority != 2 {
		t.Errorf("priority %d", r.last[0].Priority)
	}
	r.state = esp.Running
	r.heal("drive")
	d.Change = esp.Cleared
	r.run(time.Minute, d)
	r.want("41s raised communication_lost", "5m41s cleared communication_lost")
}

func TestDiagnosisAlarms(t *testing.T) {
	d := esp.Diagnosis{
		Well: "T-1", ID: esp.GasLock, Severity: esp.SeverityNow, Title: "Gas lock likely", Text: "x", Onset: epoch,
		Evidence: []esp.Evidence{{Signal: "motor_current", Unit: esp.Ampere, Value: 15.9, Limit: 17.7}},
	}
	send := func(r *rig, c esp.Change, s esp.Severity) {
		x := d
		x.Change, x.Severity, x.Time = c, s, epoch.Add(r.at)
		r.run(time.Second, x)
	}
	for severity, priority := range map[esp.Severity]int{esp.SeverityNow: 1, esp.SeverityToday: 2, esp.SeverityPlan: 3, esp.SeverityInfo: 0} {
		r := newRig(t)
		r.run(time.Second)
		send(r, esp.Raised, severity)
		a := r.active()
		if priority == 0 {
			if len(a) != 0 {
				t.Errorf("severity %s raised %+v", severity, a)
			}
			continue
		}
		if len(a) != 1 || a[0].Priority != priority || a[0].ID != "gas_lock" || a[0].Value != 15.9 || !a[0].Since.Equal(epoch) {
			t.Errorf("severity %s: %+v", severity, a)
		}
	}
	r := newRig(t)
	r.run(time.Second)
	send(r, esp.Raised, esp.SeverityToday)
	if _, ok := r.m.Acknowledge("gas_lock", "ali", epoch.Add(r.at)); !ok {
		t.Fatal("not acknowledged")
	}
	send(r, esp.Updated, esp.SeverityToday)
	if a := r.active(); a[0].State != esp.AlarmAcknowledged {
		t.Errorf("an update of the same priority asks again: %+v", a)
	}
	send(r, esp.Updated, esp.SeverityNow)
	if a := r.active(); a[0].State != esp.AlarmUnacknowledged || a[0].Priority != 1 {
		t.Errorf("worse, and nobody is asked: %+v", a)
	}
	send(r, esp.Cleared, esp.SeverityNow)
	if a := r.active(); len(a) != 1 || a[0].State != esp.AlarmReturned {
		t.Errorf("cleared: %+v", a)
	}
}

func TestRestoreKeepsAcknowledgements(t *testing.T) {
	first := newRig(t, low)
	first.set("intake_pressure", 4000).run(12 * time.Second)
	if _, ok := first.m.Acknowledge("intake_pressure_low", "ali", epoch); !ok {
		t.Fatal("not acknowledged")
	}
	second := newRig(t, low)
	second.m.Restore(first.active())
	second.at = first.at
	second.set("intake_pressure", 4000).run(time.Minute)
	second.want()
	second.set("intake_pressure", 8000).run(time.Minute)
	second.want("1m33s cleared intake_pressure_low")
}

// What is not due says nothing: a slow device neither delays nor loses anything.
func TestSlowDevice(t *testing.T) {
	r := newRig(t, low)
	r.set("intake_pressure", 4000)
	for range 30 {
		r.heal("intake_pressure").run(time.Second).grade("intake_pressure", esp.NotDue).run(9 * time.Second)
	}
	r.want("11s raised intake_pressure_low")
}

// A hole in the data is no time beyond a limit.
func TestHoleDoesNotCount(t *testing.T) {
	r := newRig(t, low)
	r.set("intake_pressure", 4000).run(5 * time.Second)
	r.at += time.Hour
	r.run(5 * time.Second)
	r.want()
}

func TestClockSetBack(t *testing.T) {
	r := newRig(t, low)
	r.at = 2 * time.Hour
	r.run(5 * time.Second)
	r.at = time.Hour
	r.set("intake_pressure", 4000).run(20 * time.Second)
	if len(r.log) != 1 {
		t.Errorf("changes %v", r.log)
	}
	if a := r.last[0]; a.Time.After(epoch.Add(r.at)) {
		t.Errorf("raised at %v, now is %v", a.Time, epoch.Add(r.at))
	}
}

func TestQuietScanAllocatesNothing(t *testing.T) {
	r := newRig(t, low)
	r.run(2 * time.Minute)
	at := r.scan.Time
	if n := testing.AllocsPerRun(1000, func() {
		at = at.Add(time.Second)
		r.scan.Time = at
		r.m.Observe(&r.scan, esp.Running, nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAlarmsAreJSON(t *testing.T) {
	r := newRig(t, low)
	r.grade("intake_pressure", esp.Lost).run(70 * time.Second)
	b, err := json.Marshal(r.active())
	if err != nil || len(r.active()) != 1 {
		t.Errorf("%s: %v", b, err)
	}
}

// A clock that is set in the middle of a delay neither ends it nor begins it again, and
// what is open is dated by the new clock.
func TestTheClockIsSet(t *testing.T) {
	for _, step := range []time.Duration{0, 56 * 365 * 24 * time.Hour, -3 * time.Hour} {
		r := newRig(t, esp.Limit{Signal: esp.IntakePressure, Value: 3000, Delay: time.Minute, OffDelay: time.Minute})
		r.run(time.Minute)
		r.values["intake_pressure"] = 2000
		r.run(30 * time.Second)
		if n := len(r.m.Active()); n != 0 {
			t.Fatalf("step %v: %d alarms after half the delay", step, n)
		}
		r.m.ClockStepped(step)
		r.at += step
		r.run(20 * time.Second)
		if n := len(r.m.Active()); n != 0 {
			t.Errorf("step %v: %d alarms before the delay is over", step, n)
		}
		r.run(20 * time.Second)
		active := r.m.Active()
		if len(active) != 1 {
			t.Fatalf("step %v: %d alarms after the delay, want 1", step, len(active))
		}
		if since := epoch.Add(r.at).Sub(active[0].Since); since < time.Minute || since > 75*time.Second {
			t.Errorf("step %v: present since %v", step, since)
		}
		r.m.ClockStepped(step)
		if since := epoch.Add(r.at + step).Sub(r.m.Active()[0].Since); since < time.Minute || since > 75*time.Second {
			t.Errorf("step %v: present since %v after another step", step, since)
		}
	}
}
