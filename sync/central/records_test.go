package central_test

import (
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/sync/central"
	"wellkeeper.internal/sync/wire"
	"wellkeeper.internal/sync/wire/wiretest"
)

// mustRecord makes a record with a number.
func mustRecord(tb testing.TB, seq uint64) func(record.Record, error) record.Record {
	tb.Helper()
	return func(r record.Record, err error) record.Record {
		if err != nil {
			tb.Fatal(err)
		}
		r.Seq = seq
		return r
	}
}

func TestRecordsFillTheViews(t *testing.T) {
	db := mustMigrate(t)
	s := mustEdge(t, db, "RB-114")
	trace := wiretest.NewTrace("RB-114", 1)
	scan := trace.Next().Clone()
	mustIngest(t, s, wiretest.Batch{Layout: trace.Layout, Epoch: 9, First: 1, Last: 1, Scans: []esp.Scan{scan}})
	at := wiretest.Start().Add(10 * time.Second)
	d := esp.Diagnosis{
		Well: "RB-114", Time: at, ID: esp.GasLock, Change: esp.Raised, Severity: esp.SeverityNow, Confidence: esp.Likely, Onset: at.Add(-time.Minute),
		Title: "Gas lock likely", Text: "Current fell.", Steps: []esp.Step{{Text: "Lower the frequency", Who: esp.Technician}}, Rule: "gas_lock", RuleVersion: 1,
	}
	gone := d
	gone.Change, gone.Time = esp.Cleared, at.Add(time.Hour)
	records := []record.Record{
		mustRecord(t, 1)(record.Event(esp.Event{Well: "RB-114", Time: at, ID: "state_changed", From: esp.Running, To: esp.Tripped, Text: "tripped"})),
		mustRecord(t, 2)(record.Diagnosis(d)),
		mustRecord(t, 3)(record.Alarm(esp.Alarm{Well: "RB-114", Time: at, ID: "intake_pressure_low", Change: esp.Raised, State: esp.AlarmUnacknowledged, Priority: 2, Value: 1.5, Limit: esp.NoNumber()})),
		mustRecord(t, 4)(record.Gap(esp.Gap{Well: "RB-114", From: at, To: at.Add(time.Minute), Reason: esp.GapApplianceOff, Lost: 60})),
		mustRecord(t, 5)(record.Diagnosis(gone)),
		{Seq: 6, Time: at, Well: "RB-999", Kind: record.KindEvent, Version: 1, Body: []byte(`{"id": "later"}`)},
		{Seq: 7, Time: at, Kind: record.KindEvent, Version: 1, Body: []byte(`{"id": "nul \u0000"}`)},
		{Seq: 8, Time: at, Kind: record.KindEvent, Version: 1, Body: []byte("no json \xff")},
		{Seq: 9, Time: at, Kind: record.KindAlarm, Version: 9, Body: []byte(`{"value": "what", "since": "whenever"}`)},
	}
	send := func(first, last uint64) wire.Receipt {
		t.Helper()
		payload, err := wire.AppendRecords(nil, 9, first, last, records[first-1:last])
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Ingest(t.Context(), first, payload)
		if err != nil {
			t.Fatalf("ingest: %v", err)
		}
		return r
	}
	send(1, 3)
	if r := send(2, 9); r.Applied != 6 || r.Repeated != 2 {
		t.Errorf("receipt of an overlap: %+v", r)
	}
	conn := mustConnect(t, db.DSN())
	for _, tc := range []struct{ name, sql, want string }{
		{"record", "SELECT string_agg(seq || kind || coalesce(well_id::text, '-'), ' ' ORDER BY seq) FROM esp.record", "1event1 2diagnosis1 3alarm1 4gap1 5diagnosis1 6event- 7event- 8event- 9alarm-"},
		{"raw", "SELECT string_agg(seq::text, ' ' ORDER BY seq) FROM esp.record WHERE body IS NULL AND raw IS NOT NULL", "7 8"},
		{"event", "SELECT concat_ws('|', well, id, from_state, to_state, text) FROM esp.event WHERE seq = 1", "RB-114|state_changed|running|tripped|tripped"},
		{"alarm", "SELECT concat_ws('|', well, id, change, state, priority, value, coalesce(\"limit\"::text, 'null')) FROM esp.alarm WHERE seq = 3", "RB-114|intake_pressure_low|raised|unacknowledged|2|1.5|null"},
		{"odd alarm", "SELECT count(*)::text FROM esp.alarm WHERE value IS NULL AND since IS NULL", "1"},
		{"gap", "SELECT concat_ws('|', well, reason, lost, to_time - from_time) FROM esp.gap", "RB-114|appliance_off|60|00:01:00"},
		{"diagnosis", "SELECT concat_ws('|', well, id, state, severity, time - onset) FROM esp.diagnosis WHERE seq = 2", "RB-114|gas_lock|raised|now|00:01:00"},
		{
			"platform", "SELECT concat_ws('|', well_id, diagnosis, confidence, severity, actions, resolution_time - \"timestamp\", notes, telemetry_snapshot->>'vsd_frequency' IS NOT NULL) FROM public.diagnostic_results",
			"RB-114|GAS_LOCK|0.85|critical|[\"Lower the frequency\"]|01:00:00|Current fell.|t",
		},
	} {
		if got := query[string](t, conn, tc.sql); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
	// A well that is given to the edge later gets its records.
	if err := central.AddEdge(t.Context(), db.DSN(), edgeName(t), []esp.WellID{"RB-999"}, ""); err != nil {
		t.Fatal(err)
	}
	if got := query[string](t, conn, "SELECT well FROM esp.event WHERE id = 'later'"); got != "RB-999" {
		t.Errorf("the record belongs to %s", got)
	}
}

// The view files each diagnosis under the type that the page's API gives it.
func TestPlatformTypesAreThoseOfThePage(t *testing.T) {
	db := mustMigrate(t)
	s := mustEdge(t, db, "RB-114")
	trace := wiretest.NewTrace("RB-114", 1)
	scan := trace.Next().Clone()
	mustIngest(t, s, wiretest.Batch{Layout: trace.Layout, Epoch: 9, First: 1, Last: 1, Scans: []esp.Scan{scan}})
	var records []record.Record
	ids := []esp.DiagnosisID{
		"gas_interference", "gas_lock", "pump_off", "low_intake_pressure", "broken_shaft", "pump_wear", "tubing_leak", "plugged_intake",
		"closed_valve", "scale", "viscosity_rise", "solids", "inflow_increase", "inflow_decrease", "back_pressure", "motor_overheating",
		"winding_rise", "insulation", "current_unbalance", "voltage_unbalance", "overload", "underload", "stall", "undervoltage", "power_dip",
		"power_fluctuation", "backspin", "excess_starts", "gauge_fault", "unstable_drive", "downthrust", "upthrust", "check_valve_leak",
		"reverse_rotation", "drive_fault", "communication_lost", "clock_fault",
	}
	for i, id := range ids {
		d := esp.Diagnosis{Well: "RB-114", Time: wiretest.Start().Add(time.Duration(i) * time.Second), ID: id, Change: esp.Raised, Text: string(id)}
		records = append(records, mustRecord(t, uint64(i+1))(record.Diagnosis(d)))
	}
	payload, err := wire.AppendRecords(nil, 9, 1, uint64(len(ids)), records)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ingest(t.Context(), 1, payload); err != nil {
		t.Fatal(err)
	}
	conn := mustConnect(t, db.DSN())
	for _, id := range ids {
		if got, want := query[string](t, conn, "SELECT diagnosis FROM esp.diagnostic_results WHERE notes = '"+string(id)+"'"), id.PlatformType(); got != want {
			t.Errorf("%s is %s at headquarters and %s on the page", id, got, want)
		}
	}
}

func TestPlatformTablesInPublicAreLeftAlone(t *testing.T) {
	db := mustMigrateOver(t, "CREATE TABLE public.esp_telemetry (mine int)")
	conn := mustConnect(t, db.DSN())
	if got := query[string](t, conn, "SELECT relkind::text FROM pg_class WHERE oid = 'public.esp_telemetry'::regclass"); got != "r" {
		t.Errorf("public.esp_telemetry is now of kind %s", got)
	}
	state, err := central.Status(t.Context(), db.DSN())
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Compatible) != 1 || state.Compatible[0] != "diagnostic_results" {
		t.Errorf("compatible: %v", state.Compatible)
	}
}
