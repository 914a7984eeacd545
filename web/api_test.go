package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/web"
)

// decode reads an answer and checks its status and type.
func (s *site) decode(t *testing.T, method, path string, status int) map[string]any {
	t.Helper()
	resp, body := s.do(t, method, path)
	if resp.StatusCode != status {
		t.Fatalf("%s %s: got status %d, want %d: %s", method, path, resp.StatusCode, status, body)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: got type %q, want JSON", path, got)
	}
	if got := resp.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s: got Cache-Control %q, want no-store", path, got)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%s: %v: %s", path, err, body)
	}
	return out
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-6)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

type object = map[string]any

// telemetry is T of the contract: 4,350 kPa are 630.9 psi, 271.9 m³/d are 1,710 bbl/d,
// 62.3 m³/m³ are 349.8 scf/bbl.
func telemetry(id any, at string) object {
	return object{
		"id": id, "well_id": "RB-114", "timestamp": at, "flow_rate": 271.9 / 0.158987294928, "pip": 4350 / 6.894757293168361, "motor_current": 41.8,
		"motor_temp": 121.7, "vibration": .18, "vsd_frequency": 54.0, "flow_variance": nil, "torque": 74.0, "gor": 62.3 * 0.158987294928 / 0.028316846592,
	}
}

func TestTelemetry(t *testing.T) {
	s := open(t, nil, nil)
	equal(t, "latest", s.decode(t, "GET", "/api/v1/telemetry/wells/RB-114/latest", 200), object{"success": true, "telemetry": telemetry(1000.0, "2026-11-23T19:32:06.880Z")})

	raw := s.decode(t, "GET", "/api/v1/telemetry/wells/RB-114/history?hours=6", 200)
	rows := raw["telemetry"].([]any)
	equal(t, "raw history", object{"success": raw["success"], "well_id": raw["well_id"], "hours": raw["hours"], "count": raw["count"], "rows": len(rows)},
		object{"success": true, "well_id": "RB-114", "hours": 6.0, "count": 9.0, "rows": 9})
	equal(t, "newest raw row", rows[0], telemetry(999.0, "2026-11-23T19:32:06.000Z"))
	equal(t, "next raw row", rows[1], telemetry(998.0, "2026-11-23T19:32:05.000Z"))

	means := s.decode(t, "GET", "/api/v1/telemetry/wells/RB-114/history", 200)
	equal(t, "hours", means["hours"], 24.0)
	equal(t, "newest mean", means["telemetry"].([]any)[0], telemetry(nil, "2026-11-23T19:32:00.000Z"))
	equal(t, "next mean", means["telemetry"].([]any)[1], telemetry(nil, "2026-11-23T19:31:00.000Z"))

	equal(t, "summary", s.decode(t, "GET", "/api/v1/telemetry/wells/RB-114/summary", 200), object{"success": true, "summary": object{
		"well_id": "RB-114", "first_reading": "2026-11-22T19:32:07.000Z", "last_reading": "2026-11-23T19:32:07.000Z", "total_readings": 86400.0,
		"avg_flow_rate": 271.9 / 0.158987294928, "avg_motor_temp": 121.7, "avg_vibration": .18,
		"diagnostic_count": 2.0, "critical_diagnostic_count": 1.0, "last_diagnosis": "GAS_LOCK", "last_diagnosis_time": "2026-11-23T18:05:07.000Z",
	}})
}

func TestDiagnostics(t *testing.T) {
	s := open(t, nil, nil)
	s.set(t, "gas")
	out := s.decode(t, "POST", "/api/v1/diagnostics/wells/RB-114/analyze-latest?store_result=true", 200)
	d := out["diagnostic"].(object)
	equal(t, "keys of D", slices.Sorted(maps.Keys(d)), []string{
		"actions", "confidence", "diagnosis", "evidence", "id", "notes", "resolution_time", "rule", "severity", "telemetry_snapshot", "text", "timestamp", "well_id",
	})
	equal(t, "analysis", object{"success": out["success"], "well_id": out["well_id"], "diagnostic_id": out["diagnostic_id"]}, object{"success": true, "well_id": "RB-114", "diagnostic_id": 43.0})
	equal(t, "D", object{"id": d["id"], "diagnosis": d["diagnosis"], "confidence": d["confidence"], "severity": d["severity"], "rule": d["rule"], "notes": d["notes"], "resolution_time": d["resolution_time"]},
		object{"id": 43.0, "diagnosis": "GAS_LOCK", "confidence": .85, "severity": "high", "rule": "gas", "notes": nil, "resolution_time": nil})
	equal(t, "snapshot", d["telemetry_snapshot"], telemetry(1000.0, "2026-11-23T19:32:07.000Z"))
	equal(t, "actions", len(d["actions"].([]any)), 3)
	equal(t, "absent baseline", d["evidence"].([]any)[2].(object)["limit"], nil)

	s.set(t, "live")
	calm := s.decode(t, "POST", "/api/v1/diagnostics/wells/RB-114/analyze-latest?store_result=false", 200)
	equal(t, "not stored", calm["diagnostic_id"], nil)
	c := calm["diagnostic"].(object)
	equal(t, "nothing open", object{"diagnosis": c["diagnosis"], "severity": c["severity"], "well_id": c["well_id"], "actions": c["actions"], "evidence": c["evidence"]},
		object{"diagnosis": "NORMAL", "severity": "info", "well_id": "RB-114", "actions": []any{}, "evidence": []any{}})

	history := s.decode(t, "GET", "/api/v1/diagnostics/wells/RB-114/history", 200)
	equal(t, "history", object{"well_id": history["well_id"], "limit": history["limit"], "count": history["count"]}, object{"well_id": "RB-114", "limit": 10.0, "count": 2.0})
	equal(t, "newest first", history["diagnostics"].([]any)[0].(object)["id"], 42.0)
	equal(t, "resolved", history["diagnostics"].([]any)[1].(object)["resolution_time"], "2026-11-21T20:32:07.000Z")

	critical := s.decode(t, "GET", "/api/v1/diagnostics/critical", 200)
	equal(t, "critical", object{"limit": critical["limit"], "count": critical["count"]}, object{"limit": 50.0, "count": 1.0})
	equal(t, "critical severity", critical["diagnostics"].([]any)[0].(object)["severity"], "critical")
}

func TestOwnAPI(t *testing.T) {
	s := open(t, nil, nil, "RB-114", "RB-115", "RB-116")
	equal(t, "wells", s.decode(t, "GET", "/api/v1/wells", 200), object{"wells": []any{
		object{"id": "RB-114", "name": "RB-114", "state": "running", "since": "2026-11-11T15:20:07.000Z"},
		object{"id": "RB-115", "name": "RB-115", "state": "running", "since": "2026-11-11T15:20:07.000Z"},
		object{"id": "RB-116", "name": "RB-116", "state": "unknown"}, // not heard for an hour
	}})

	latest := s.decode(t, "GET", "/api/v1/wells/RB-114/latest", 200)
	signals := latest["signals"].([]any)
	equal(t, "signal", signals[10], object{
		"name": "intake_pressure", "device": "gauge", "value": 4350.0, "unit": "kPa", "raw": 435000.0, "quality": "good", "reason": "", "time": "2026-11-23T19:32:06.880Z",
	})
	delete(latest, "signals")
	equal(t, "latest", latest, object{
		"well": "RB-114", "time": "2026-11-23T19:32:07.000Z", "scan": "2026-11-23T19:32:06.880Z", "number": 1000.0, "state": "running", "since": "2026-11-11T15:20:07.000Z",
		"life":        object{"since": "2026-11-16T19:32:07.000Z", "turned_hours": 160.25, "stood_hours": 7.0, "unknown_hours": 0.75, "starts": 3.0, "trips": 2.0},
		"not_entered": []any{},
	})
	s.source.Alter(func(o *web.Overview) { o.Signals[10].Time = o.Signals[10].Time.AddDate(0, 0, -1) })
	old := s.decode(t, "GET", "/api/v1/wells/RB-114/latest", 200)["signals"].([]any)[10].(object)
	if old["value"] != nil || old["quality"] != "stale" {
		t.Errorf("a value of an hour ago is %v, quality %v; want none, stale", old["value"], old["quality"])
	}
	s.source.Alter(nil)
	s.set(t, "lost")
	lost := s.decode(t, "GET", "/api/v1/wells/RB-114/latest", 200)
	equal(t, "state of a lost drive", lost["state"], "unknown")
	equal(t, "lost signal", lost["signals"].([]any)[10], object{
		"name": "intake_pressure", "device": "gauge", "value": nil, "unit": "kPa", "raw": 0.0, "quality": "lost", "reason": "timeout", "time": "2026-11-23T19:32:06.880Z",
	})
}

// A value that the appliance computed says so, how, and how far it can be off; one that
// lacks a fact of the well is named.
func TestDerivedSignals(t *testing.T) {
	s := open(t, nil, nil)
	s.source.Alter(func(o *web.Overview) {
		sig := &o.Signals[10]
		sig.Device = ""
		sig.Derived = &web.Derivation{Formula: "a − b", Inputs: []esp.SignalID{esp.DischargePressure, esp.IntakePressure}, Note: "n", Uncertainty: 0.15}
		o.NotEntered = []web.NotEntered{{Signal: esp.PumpHead, Fact: "fluid_density", Words: "density of the produced liquid"}}
	})
	latest := s.decode(t, "GET", "/api/v1/wells/RB-114/latest", 200)
	signal := latest["signals"].([]any)[10].(object)
	if device, there := signal["device"]; there {
		t.Errorf("a derived signal has the device %v", device)
	}
	equal(t, "derived", signal["derived"], object{
		"formula": "a − b", "inputs": []any{"discharge_pressure", "intake_pressure"}, "note": "n", "uncertainty": 0.15,
	})
	equal(t, "not entered", latest["not_entered"], []any{
		object{"name": "pump_head", "fact": "fluid_density", "text": "not entered: density of the produced liquid"},
	})
}

func TestHealth(t *testing.T) {
	s := open(t, nil, nil)
	equal(t, "live", s.decode(t, "GET", "/health/live", 200), object{"status": "alive", "version": "1.2.3", "time": "2026-11-23T19:32:07.000Z"})
	equal(t, "startup", s.decode(t, "GET", "/health/startup", 200), object{"status": "started"})
	equal(t, "ready", s.decode(t, "GET", "/health/ready", 200), object{"status": "ready", "dependencies": object{
		"storage": object{"status": "ok", "required": true}, "modbus/RB-114/drive": object{"status": "ok", "required": false},
	}})
	s.source.SetDependencies(web.Dependency{Name: "modbus/RB-114/drive", Status: "failed", Detail: "timeout"}, web.Dependency{Name: "storage", Status: "ok", Required: true})
	equal(t, "a lost drive", s.decode(t, "GET", "/health/ready", 200)["status"], "ready")
	s.source.SetDependencies(web.Dependency{Name: "storage", Status: "failed", Detail: "disk full", Required: true})
	equal(t, "a failed store", s.decode(t, "GET", "/health/ready", 503), object{"status": "not_ready", "dependencies": object{
		"storage": object{"status": "failed", "required": true, "detail": "disk full"},
	}})
}

func TestErrors(t *testing.T) {
	s := open(t, nil, nil)
	platform := func(kind, message, code string, details object) object {
		return object{"error": kind, "message": message, "error_code": code, "details": details}
	}
	own := func(code, message string) object {
		return object{"error": object{"code": code, "message": message, "details": object{}}}
	}
	hours, limit := object{"field": "hours"}, object{"field": "limit"}
	for _, c := range []struct {
		method, path string
		status       int
		want         object
	}{
		{"GET", "/api/v1/telemetry/wells/none/latest", 404, platform("NotFoundError", "no such well", "NOT_FOUND", object{})},
		{"GET", "/api/v1/telemetry/wells/none/history", 404, platform("NotFoundError", "no such well", "NOT_FOUND", object{})},
		{"GET", "/api/v1/telemetry/wells/none/summary", 404, platform("NotFoundError", "no such well", "NOT_FOUND", object{})},
		{"GET", "/api/v1/diagnostics/wells/none/history", 404, platform("NotFoundError", "no such well", "NOT_FOUND", object{})},
		{"POST", "/api/v1/diagnostics/wells/none/analyze-latest", 404, platform("NotFoundError", "no such well", "NOT_FOUND", object{})},
		{"GET", "/api/v1/telemetry/wells/RB-114/history?hours=0", 400, platform("ValidationError", "hours must be a whole number from 1 to 168", "VALIDATION_ERROR", hours)},
		{"GET", "/api/v1/telemetry/wells/RB-114/history?hours=169", 400, platform("ValidationError", "hours must be a whole number from 1 to 168", "VALIDATION_ERROR", hours)},
		{"GET", "/api/v1/telemetry/wells/RB-114/history?hours=1.5", 400, platform("ValidationError", "hours must be a whole number from 1 to 168", "VALIDATION_ERROR", hours)},
		{"GET", "/api/v1/diagnostics/wells/RB-114/history?limit=101", 400, platform("ValidationError", "limit must be a whole number from 1 to 100", "VALIDATION_ERROR", limit)},
		{"GET", "/api/v1/diagnostics/critical?limit=-1", 400, platform("ValidationError", "limit must be a whole number from 1 to 100", "VALIDATION_ERROR", limit)},
		{"POST", "/api/v1/diagnostics/wells/RB-114/analyze-latest?store_result=maybe", 400, platform("ValidationError", "store_result must be true or false", "VALIDATION_ERROR", object{"field": "store_result"})},
		{"GET", "/api/v1/telemetry/nothing", 404, platform("NotFoundError", "no such page or route", "NOT_FOUND", object{})},
		{"DELETE", "/api/v1/telemetry/wells/RB-114/latest", 405, platform("MethodNotAllowedError", "this method is not allowed here", "METHOD_NOT_ALLOWED", object{})},
		{"POST", "/api/v1/auth/login", 400, platform("ValidationError", "username and password are required", "VALIDATION_ERROR", object{"field": "username"})},
		{"POST", "/api/v1/auth/register", 404, platform("NotFoundError", "no such page or route", "NOT_FOUND", object{})},
		{"POST", "/api/v1/wells/RB-114/registers/read", 401, own("authentication_required", "a login is required")},
		{"GET", "/api/v1/wells/none/latest", 404, own("not_found", "no such well")},
		{"GET", "/api/v1/nothing", 404, own("not_found", "no such page or route")},
		{"POST", "/api/v1/wells", 405, own("method_not_allowed", "this method is not allowed here")},
		{"GET", "/api/v1/live?well=none", 404, own("not_found", "no such well")},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			equal(t, "answer", s.decode(t, c.method, c.path, c.status), c.want)
		})
	}
	s.set(t, "empty")
	equal(t, "no reading so far", s.decode(t, "GET", "/api/v1/telemetry/wells/RB-114/latest", 404),
		platform("NotFoundError", "the well has no readings so far", "NOT_FOUND", object{}))
	equal(t, "nothing to analyze", s.decode(t, "POST", "/api/v1/diagnostics/wells/RB-114/analyze-latest", 404)["error_code"], "NOT_FOUND")
}

func TestInternalErrorsStayInside(t *testing.T) {
	s := open(t, nil, nil)
	s.source.Fail(fmt.Errorf("read block: %w", errors.New("secret /var/lib path")))
	for _, path := range []string{"/wells/RB-114", "/api/v1/wells/RB-114/latest", "/api/v1/telemetry/wells/RB-114/latest", "/api/v1/diagnostics/critical"} {
		resp, body := s.get(t, path)
		if resp.StatusCode != http.StatusInternalServerError || strings.Contains(body, "secret") || !strings.Contains(body, "internal error") {
			t.Errorf("%s: got %d %s", path, resp.StatusCode, body)
		}
	}
	s.source.Fail(nil)
	s.source.Alter(func(*web.Overview) { panic("boom secret") })
	resp, body := s.get(t, "/api/v1/wells/RB-114/latest")
	if resp.StatusCode != http.StatusInternalServerError || strings.Contains(body, "secret") {
		t.Errorf("panic: got %d %s", resp.StatusCode, body)
	}
	s.source.Alter(nil)
	if resp, _ := s.get(t, "/"); resp.StatusCode != http.StatusOK {
		t.Errorf("after a panic: got %d, want 200", resp.StatusCode)
	}
}
