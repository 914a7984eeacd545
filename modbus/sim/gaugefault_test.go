package sim_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
)

// decoded are the readings of the gauge and the drive by signal, as a poller has them.
func decoded(bank *sim.Bank, profiles map[uint8]*profile.Profile, w *sim.Well) map[string]esp.Reading {
	bank.Load(w)
	all := map[string]esp.Reading{}
	for unit, p := range profiles {
		columns := p.Columns("device")
		readings := make([]esp.Reading, len(columns))
		p.Decode(bank.Words(unit), readings)
		for i, c := range columns {
			all[c.Name] = readings[i]
		}
	}
	return all
}

// seen is what the gauge's registers showed over a time, and what the same well shows
// without the fault.
type seen struct {
	faulty, sound []map[string]esp.Reading
}

const faultOnset = 20 * time.Minute

// watch plays an hour with a fault in its second third, one look per transmission.
func watch(t *testing.T, faults ...string) seen {
	t.Helper()
	cfg := sim.Config{Seed: 5, Start: start}
	sound := mustWell(t, cfg)
	for _, name := range faults {
		f, ok := sim.FindGaugeFault(name)
		if !ok {
			t.Fatalf("no gauge fault %q", name)
		}
		cfg.GaugeFaults = append(cfg.GaugeFaults, sim.GaugeFaultAt{Fault: f, Onset: start.Add(faultOnset), Lasts: 20 * time.Minute})
	}
	faulty := mustWell(t, cfg)
	bank, profiles := mustBank(t)
	var s seen
	for at := start; at.Before(start.Add(time.Hour)); at = at.Add(4 * time.Second) {
		faulty.Advance(at)
		sound.Advance(at)
		s.faulty = append(s.faulty, decoded(bank, profiles, faulty))
		s.sound = append(s.sound, decoded(bank, profiles, sound))
	}
	return s
}

// during are the looks while the fault lasts.
func (s *seen) during() (faulty, sound []map[string]esp.Reading) {
	from, until := int(faultOnset/(4*time.Second)), int(2*faultOnset/(4*time.Second))
	return s.faulty[from:until], s.sound[from:until]
}

// always reports whether a signal has a property in every look of the fault.
func (s *seen) always(signal string, is func(faulty, sound esp.Reading) bool) bool {
	return s.share(signal, is) == 1
}

func (s *seen) share(signal string, is func(faulty, sound esp.Reading) bool) float64 {
	faulty, sound := s.during()
	n := 0
	for i := range faulty {
		if is(faulty[i][signal], sound[i][signal]) {
			n++
		}
	}
	return float64(n) / float64(len(faulty))
}

func equals(to float64) func(f, s esp.Reading) bool {
	return func(f, _ esp.Reading) bool { return math.Abs(f.Value-to) < 1e-9 }
}

func raw(to int64) func(f, s esp.Reading) bool {
	return func(f, _ esp.Reading) bool { return f.Raw == to }
}

func untouched(f, s esp.Reading) bool { return f.Value == s.Value && f.Quality == s.Quality }

// stands reports whether a signal keeps one value while the fault lasts.
func (s *seen) stands(signal string) bool {
	faulty, _ := s.during()
	for i := range faulty {
		if faulty[i][signal].Raw != faulty[0][signal].Raw {
			return false
		}
	}
	return true
}

func ratio(least, most float64) func(f, s esp.Reading) bool {
	return func(f, s esp.Reading) bool { return f.Value >= least*s.Value && f.Value <= most*s.Value }
}

// Each gauge fault is visible in what a poller decodes.
var gaugeSights = map[string]func(t *testing.T, s *seen){
	"dead": func(t *testing.T, s *seen) {
		t.Helper()
		want(t, "pressure 65436", s.always("intake_pressure", raw(65436)) && s.always("discharge_pressure", raw(65436)))
		want(t, "-1.00 degC", s.always("intake_temperature", equals(-1)) && s.always("motor_temperature", equals(-1)))
		want(t, "no vibration", s.always("vibration_x", equals(0)))
		want(t, "a counter that stands", s.stands("gauge_packets"))
		want(t, "no signal", s.always("gauge_signal_quality", equals(0)))
	},
	"dead-zero": func(t *testing.T, s *seen) {
		t.Helper()
		for _, name := range []string{"intake_pressure", "discharge_pressure", "intake_temperature", "motor_temperature", "vibration_y", "leakage_current"} {
			want(t, name+" 0", s.always(name, raw(0)))
		}
		want(t, "a counter that stands", s.stands("gauge_packets"))
	},
	"no-signal": func(t *testing.T, s *seen) {
		t.Helper()
		for _, name := range []string{"intake_pressure", "motor_temperature", "vibration_z", "insulation_resistance"} {
			want(t, name+" invalid", s.always(name, func(f, _ esp.Reading) bool { return f.Quality == esp.Invalid && f.Reason == esp.Marker }))
		}
		want(t, "a counter that stands", s.stands("gauge_packets"))
	},
	"frozen": func(t *testing.T, s *seen) {
		t.Helper()
		for _, name := range []string{"intake_pressure", "discharge_pressure", "motor_temperature", "vibration_x", "gauge_current", "gauge_packets"} {
			want(t, name+" standing", s.stands(name))
			want(t, name+" as a value that it had", s.faulty[int(faultOnset/(4*time.Second))-1][name].Raw == s.faulty[int(faultOnset/(4*time.Second))][name].Raw)
		}
	},
	"dead-temperatures": func(t *testing.T, s *seen) {
		t.Helper()
		want(t, "0 degC", s.always("intake_temperature", equals(0)) && s.always("motor_temperature", equals(0)))
		for _, name := range []string{"intake_pressure", "discharge_pressure", "vibration_x", "gauge_packets"} {
			want(t, name+" untouched", s.always(name, untouched))
		}
	},
	"doubled": func(t *testing.T, s *seen) {
		t.Helper()
		twice := ratio(1.9999, 2.0001)
		share := s.share("intake_pressure", twice)
		want(t, "now and then", share > 0 && share < 0.1)
		faulty, sound := s.during()
		for i := range faulty {
			if twice(faulty[i]["intake_pressure"], sound[i]["intake_pressure"]) {
				want(t, "the whole record", twice(faulty[i]["motor_temperature"], sound[i]["motor_temperature"]) && twice(faulty[i]["discharge_pressure"], sound[i]["discharge_pressure"]))
			}
		}
		want(t, "otherwise untouched", s.share("motor_temperature", untouched) > 0.9)
	},
	"noisy-cable": func(t *testing.T, s *seen) {
		t.Helper()
		faulty, sound := s.during()
		last := len(faulty) - 1
		bad := faulty[last]["gauge_bad_packets"].Value - faulty[0]["gauge_bad_packets"].Value - (sound[last]["gauge_bad_packets"].Value - sound[0]["gauge_bad_packets"].Value)
		want(t, "bad packets", bad > 0.15*float64(last) && bad < 0.35*float64(last))
		want(t, "leakage", faulty[last]["leakage_current"].Value > 2*sound[last]["leakage_current"].Value)
		want(t, "low quality", faulty[last]["gauge_signal_quality"].Value < 95)
		want(t, "low insulation", s.share("insulation_resistance", ratio(0, 0.1)) > 0.95)
		want(t, "about the same pressure", s.share("intake_pressure", ratio(0.98, 1.02)) > 0.95 && s.share("intake_pressure", untouched) < 0.3)
		want(t, "a counter that moves", !s.stands("gauge_packets"))
		for i := 1; i <= last; i++ {
			counted := faulty[i]["gauge_bad_packets"].Raw != faulty[i-1]["gauge_bad_packets"].Raw
			kept := faulty[i]["gauge_voltage"].Raw == faulty[i-1]["gauge_voltage"].Raw && faulty[i]["gauge_signal_quality"].Raw == faulty[i-1]["gauge_signal_quality"].Raw
			want(t, "values kept where a packet is counted bad", kept == counted)
		}
	},
	"drift": func(t *testing.T, s *seen) {
		t.Helper()
		faulty, sound := s.during()
		last := len(faulty) - 1
		off := func(i int) float64 { return faulty[i]["intake_pressure"].Value - sound[i]["intake_pressure"].Value }
		want(t, "growing", off(last) > off(last/2)+3 && off(last/2) > off(0)+3 && off(0) < 2)
		want(t, "the discharge untouched", s.always("discharge_pressure", untouched))
	},
	"outliers": func(t *testing.T, s *seen) {
		t.Helper()
		faulty, sound := s.during()
		hits := 0
		for i := range faulty {
			lone := 0
			for _, name := range []string{"intake_pressure", "discharge_pressure", "intake_temperature", "discharge_temperature", "motor_temperature", "motor_temperature_max", "gauge_temperature"} {
				if !untouched(faulty[i][name], sound[i][name]) {
					lone++
				}
			}
			want(t, "one at a time", lone <= 1)
			hits += lone
		}
		want(t, "a few", hits > 0 && hits < len(faulty)/20)
	},
	"intermittent": func(t *testing.T, s *seen) {
		t.Helper()
		share := s.share("intake_pressure", raw(65436))
		want(t, "part of the time", share > 0.15 && share < 0.4)
		want(t, "good in between", math.Abs(s.share("intake_pressure", untouched)+share-1) < 1e-9)
	},
}

func want(t *testing.T, what string, ok bool) {
	t.Helper()
	if !ok {
		t.Errorf("want %s", what)
	}
}

func TestGaugeFaultsAreSeenInTheRegisters(t *testing.T) {
	t.Parallel()
	for _, fault := range sim.GaugeFaults() {
		sight := gaugeSights[fault.Name]
		if sight == nil {
			t.Errorf("%s: nothing says what is seen of it", fault.Name)
			continue
		}
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			s := watch(t, fault.Name)
			sight(t, &s)
			for i := range s.faulty {
				from, until := int(faultOnset/(4*time.Second)), int(2*faultOnset/(4*time.Second))
				for name, sound := range s.sound[i] {
					counter := strings.HasSuffix(name, "_packets") // counts on from where it is
					gauge := esp.GaugeGroup == group(name)
					if f := s.faulty[i][name]; !counter && (!gauge || i < from || i >= until) && !untouched(f, sound) {
						t.Fatalf("look %d: %s is %v, in the sound well %v", i, name, f, sound)
					}
				}
			}
		})
	}
}

func group(name string) esp.Group {
	id, ok := esp.Lookup(name)
	if !ok {
		return 0
	}
	return id.Info().Group
}

// Two faults at once: the panel damages some transmissions of a gauge whose
// temperatures are dead.
func TestGaugeFaultsCombine(t *testing.T) {
	t.Parallel()
	s := watch(t, "dead-temperatures", "noisy-cable")
	faulty, sound := s.during()
	last := len(faulty) - 1
	want(t, "temperatures near 0", s.share("motor_temperature", ratio(-0.02, 0.02)) == 1)
	want(t, "bad packets", faulty[last]["gauge_bad_packets"].Value-sound[last]["gauge_bad_packets"].Value > 40)

	s = watch(t, "noisy-cable", "frozen")
	want(t, "a frozen counter", s.stands("gauge_packets") && s.stands("intake_pressure"))
}

func TestGaugeFaultOlderThanTheStart(t *testing.T) {
	t.Parallel()
	f, _ := sim.FindGaugeFault("frozen")
	w := mustWell(t, sim.Config{Seed: 1, Start: start, GaugeFaults: []sim.GaugeFaultAt{{Fault: f, Onset: start.Add(-time.Hour)}}})
	sound := mustWell(t, sim.Config{Seed: 1, Start: start.Add(-time.Hour)})
	at := value(t, w, "intake_pressure")
	w.Advance(start.Add(10 * time.Minute))
	if now := value(t, w, "intake_pressure"); now != at || math.Abs(at-value(t, sound, "intake_pressure")) > 10 {
		t.Errorf("frozen an hour ago at %g kPa, shows %g and %g", value(t, sound, "intake_pressure"), at, now)
	}
}
