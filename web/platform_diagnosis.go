package web

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/appliance/esp"
)

// diagnosticDoc is one diagnosis in the platform's shape, with three fields of ours.
type diagnosticDoc struct {
	ID         *uint64        `json:"id"` // null: not stored
	WellID     esp.WellID     `json:"well_id"`
	Timestamp  string         `json:"timestamp"`
	Diagnosis  string         `json:"diagnosis"`
	Confidence float64        `json:"confidence"`
	Severity   string         `json:"severity"`
	Actions    []string       `json:"actions"`
	Snapshot   *telemetryDoc  `json:"telemetry_snapshot"`
	Resolution *string        `json:"resolution_time"`
	Notes      *string        `json:"notes"`
	Rule       string         `json:"rule"`
	Text       string         `json:"text"`
	Evidence   []esp.Evidence `json:"evidence"`
}

// platformSeverity is the platform's word for how urgent a diagnosis is.
func platformSeverity(d *esp.Diagnosis) string {
	switch {
	case d.ID == "gauge_fault":
		return "low"
	case d.Severity == esp.SeverityNow:
		return "critical"
	case d.Severity == esp.SeverityToday:
		return "high"
	case d.Severity == esp.SeverityPlan:
		return "medium"
	}
	return "info"
}

// platformConfidence is a number for the platform's tables only; people are told the
// word.
func platformConfidence(c esp.Confidence) float64 {
	switch c {
	case esp.Likely:
		return 0.85
	case esp.Possible:
		return 0.6
	case esp.Weak:
	}
	return 0.35
}

func (u platformUnits) diagnostic(d *StoredDiagnosis) diagnosticDoc {
	x := &d.Diagnosis
	out := diagnosticDoc{
		WellID: x.Well, Timestamp: iso(x.Time), Diagnosis: x.ID.PlatformType(), Confidence: platformConfidence(x.Confidence),
		Severity: platformSeverity(x), Actions: []string{}, Resolution: isoOrNull(d.Resolved),
		Rule: x.Rule, Text: x.Text, Evidence: x.Evidence,
	}
	if x.ID == "" {
		out.Confidence, out.Severity = platformConfidence(esp.Likely), "info"
		if out.Text == "" {
			out.Text = "No rule sees anything abnormal in the readings it could assess."
		}
	}
	if out.Evidence == nil {
		out.Evidence = []esp.Evidence{}
	}
	if d.Number != 0 {
		out.ID = new(d.Number)
	}
	for _, s := range x.Steps {
		out.Actions = append(out.Actions, s.Text)
	}
	if d.Snapshot != nil {
		out.Snapshot = new(u.telemetry(x.Well, d.Snapshot))
	}
	return out
}

// diagnosticsAnalyze judges the latest readings. The platform stores the result unless
// store_result=false.
func (s *Server) diagnosticsAnalyze(c echo.Context) error {
	well, store := wellParam(c), true
	if raw := c.QueryParam("store_result"); raw != "" {
		b, err := strconv.ParseBool(raw)
		if err != nil {
			return errInvalid("store_result", "store_result must be true or false")
		}
		store = b
	}
	d, err := s.cfg.Diagnoses.Analyze(c.Request().Context(), well, store)
	if err != nil {
		return err
	}
	d.Diagnosis.Well = well
	if d.Diagnosis.Time.IsZero() {
		d.Diagnosis.Time = s.cfg.Now()
	}
	doc := newPlatformUnits().diagnostic(&d)
	return s.plainJSON(c, http.StatusOK, map[string]any{"success": true, "well_id": well, "diagnostic": doc, "diagnostic_id": doc.ID})
}

func (s *Server) diagnosticsHistory(c echo.Context) error {
	well := wellParam(c)
	limit, err := intParam(c, "limit", 10, 100)
	if err != nil {
		return err
	}
	if err := s.known(c, well); err != nil {
		return err
	}
	out, err := s.diagnostics(c, DiagnosisQuery{Well: well, Limit: limit})
	if err != nil {
		return err
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"success": true, "well_id": well, "limit": limit, "count": len(out), "diagnostics": out})
}

func (s *Server) diagnosticsCritical(c echo.Context) error {
	limit, err := intParam(c, "limit", 50, 100)
	if err != nil {
		return err
	}
	out, err := s.diagnostics(c, DiagnosisQuery{Severity: esp.SeverityNow, Limit: limit})
	if err != nil {
		return err
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"success": true, "limit": limit, "count": len(out), "diagnostics": out})
}

func (s *Server) diagnostics(c echo.Context, q DiagnosisQuery) ([]diagnosticDoc, error) {
	found, err := s.cfg.Diagnoses.Diagnoses(c.Request().Context(), q)
	if err != nil {
		return nil, err
	}
	units := newPlatformUnits()
	out := make([]diagnosticDoc, len(found))
	for i := range found {
		out[i] = units.diagnostic(&found[i])
	}
	return out, nil
}
