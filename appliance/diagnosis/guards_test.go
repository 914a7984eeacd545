package diagnosis_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
)

// guardSpan is how densely and how long a near miss is played.
type guardSpan struct{ step, last time.Duration }

// guard is a near miss that one part of a rule keeps from being called by its name.
type guard struct {
	cols   []esp.Column
	script script
	span   guardSpan
}

// guards are near misses by "rule part".
func guards() map[string]guard {
	gauge := []string{"intake_pressure", "discharge_pressure"}
	hour, day, week := guardSpan{time.Second, begin + 2*time.Hour}, guardSpan{5 * time.Second, later + 5*time.Hour}, guardSpan{time.Minute, slope + 3*24*time.Hour}
	return map[string]guard{
		"gas_lock trigger 1":            {columns, brokenShaft, hour},
		"gas_lock after":                {columns, roughStart, hour},
		"gas_lock still_pumping":        {columns, throttled, hour},
		"gas_lock pump_off":             {without("discharge_pressure"), pumpOff, hour},
		"gas_lock closed_valve":         {without("intake_pressure", "tubing_head_pressure"), shutIn, hour},
		"gas_lock wellhead_shut":        {without(gauge...), shutIn, hour},
		"gas_lock supply":               {columns, brownOut, hour},
		"gas_lock hunting":              {columns, loose, hour},
		"gas_interference trigger 1":    {columns, closedValve, hour},
		"gas_interference hunting":      {columns, hunting, hour},
		"gas_interference supply":       {columns, weakSupply, hour},
		"gas_interference slugging":     {columns, slugging, hour},
		"closed_valve after":            {columns, surge, hour},
		"closed_valve flowing":          {columns, pinched, hour},
		"broken_shaft trigger 1":        {columns, unloading, day},
		"broken_shaft trigger 2":        {columns, huntedLock, hour},
		"broken_shaft pump_off":         {without("discharge_pressure"), dry, hour},
		"reverse_rotation trigger 1":    {columns, leaksSuddenly, hour},
		"reverse_rotation after":        {columns, shortFill, hour},
		"reverse_rotation unloaded":     {columns, shaftAtStart, hour},
		"reverse_rotation filling":      {columns, longFill, hour},
		"tubing_leak back_pressure":     {columns, choked, day},
		"tubing_leak wellhead_shut":     {without("discharge_pressure"), headPressed, day},
		"tubing_leak recovering":        {columns, slugged, day},
		"tubing_leak unloaded":          {columns, unloading, day},
		"tubing_leak more_inflow":       {columns, lighter, day},
		"tubing_leak gas":               {columns, gassyRise, day},
		"tubing_leak own":               {without("discharge_pressure", "liquid_rate", "tubing_head_pressure"), heaving, week},
		"back_pressure trigger 1":       {columns, heavy, day},
		"scale trigger 1":               {columns, fuller, week},
		"scale trigger 2":               {columns, worn, week},
		"pump_wear trigger 1":           {without("liquid_rate"), scaled, week},
		"pump_wear operating_point":     {columns, thinner, week},
		"inflow_decrease trigger 1":     {columns, creeping(-100), week},
		"inflow_decrease trigger 2":     {columns, waving(-250), week},
		"inflow_increase trigger 1":     {columns, creeping(100), week},
		"inflow_increase trigger 2":     {columns, waving(250), week},
		"inflow_increase less_arrives":  {without("discharge_pressure"), worn, week},
		"inflow_increase back_pressure": {without("liquid_rate"), loaded, week},

		"power_fluctuation trigger 1":        {columns, tapChange, hour},
		"winding_rise trigger 1":             {columns, coldSlug, hour},
		"current_unbalance after":            {electric, unevenStart, hour},
		"current_unbalance supply_unbalance": {electric, unevenSupply, hour},
		"unstable_drive supply":              {columns, shakenBySupply, hour},
	}
}

// Every trigger beyond the first and every exclusion is there because something else
// looks like the fault: without it that something is called by the fault's name.
func TestEachGuardPreventsAFalseAlarm(t *testing.T) {
	all := guards()
	for _, name := range diagnosis.Removable() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, ok := all[name]
			if !ok {
				t.Fatalf("guard %q has no near miss that shows what it is for", name)
			}
			id, part, _ := strings.Cut(name, " ")
			raised := "raised " + id
			st := newStream(t, 3, g.cols, g.script)
			st.step = g.span.step
			rs := runAll(st, diagnosis.NewGate(st.layout), g.span.last,
				diagnosis.New(wellOf(facts)), diagnosis.New(wellOf(facts)).Without(esp.DiagnosisID(id), part))
			with, bare := rs[0], rs[1]
			if slices.Contains(with.names(), raised) {
				t.Errorf("%s with its guard: %v", name, with.names())
			}
			if !slices.Contains(bare.names(), raised) {
				t.Errorf("%s taken away: the false alarm did not come back: %v", name, bare.names())
			}
		})
	}
}
