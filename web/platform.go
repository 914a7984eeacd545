package web

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/appliance/esp"
)

// The routes in this file answer in the shapes of the platform that headquarters
// already runs, so that scripts written for it work here.

// rawHours is how much history is given scan by scan; beyond it there are means over
// a minute.
const rawHours = 6

// telemetryDoc is one row of telemetry in the platform's units; null where there is no
// value that may be used.
type telemetryDoc struct {
	ID           *uint64    `json:"id"` // scan number; null for a mean
	WellID       esp.WellID `json:"well_id"`
	Timestamp    string     `json:"timestamp"`
	FlowRate     esp.Number `json:"flow_rate"` // bbl/d
	PIP          esp.Number `json:"pip"`       // psi
	MotorCurrent esp.Number `json:"motor_current"`
	MotorTemp    esp.Number `json:"motor_temp"` // °C
	Vibration    esp.Number `json:"vibration"`  // g, the largest of the axes
	VSDFrequency esp.Number `json:"vsd_frequency"`
	FlowVariance esp.Number `json:"flow_variance"`
	Torque       esp.Number `json:"torque"`
	GOR          esp.Number `json:"gor"` // scf/bbl
}

// platformUnits maps stored units to the platform's.
type platformUnits struct{ flow, pressure, gor esp.Linear }

func newPlatformUnits() platformUnits {
	return platformUnits{
		flow:     convert(esp.M3PerDay, "bbl/d"),
		pressure: convert(esp.KPa, "psi"),
		gor:      convert(esp.M3PerM3, "scf/bbl"),
	}
}

// tidy drops the digits that a conversion makes up.
func tidy(v float64) esp.Number {
	if math.IsNaN(v) || math.Abs(v) >= 1e9 {
		return esp.Number(v)
	}
	return esp.Number(math.Round(v*1e6) / 1e6)
}

func (u platformUnits) telemetry(well esp.WellID, r *Row) telemetryDoc {
	v := valuesOf(r.Values)
	flow := v(esp.LiquidRate)
	if math.IsNaN(flow) {
		flow = v(esp.LiquidRateEstimated)
	}
	d := telemetryDoc{
		WellID: well, Timestamp: iso(r.Time), FlowRate: tidy(u.flow.Apply(flow)), PIP: tidy(u.pressure.Apply(v(esp.IntakePressure))),
		MotorCurrent: tidy(v(esp.MotorCurrent)), MotorTemp: tidy(v(esp.MotorTemperature)), Vibration: tidy(vibration(v)),
		VSDFrequency: tidy(v(esp.DriveFrequency)), FlowVariance: tidy(v(esp.LiquidRateVariance)), Torque: tidy(v(esp.Torque)),
		GOR: tidy(u.gor.Apply(v(esp.GasOilRatio))),
	}
	if r.Number != 0 {
		d.ID = new(r.Number)
	}
	return d
}

// valuesOf gives access by signal to values in the order of PlatformSignals.
func valuesOf(values []float64) func(esp.SignalID) float64 {
	order := PlatformSignals()
	return func(id esp.SignalID) float64 {
		if i := slices.Index(order, id); i >= 0 && i < len(values) {
			return values[i]
		}
		return math.NaN()
	}
}

// vibration is the largest of the axes that are there.
func vibration(v func(esp.SignalID) float64) float64 {
	out := math.NaN()
	for _, id := range []esp.SignalID{esp.VibrationX, esp.VibrationY, esp.VibrationZ} {
		if a := math.Abs(v(id)); !math.IsNaN(a) && !(out >= a) {
			out = a
		}
	}
	return out
}

// latestRow is what is usable of the latest readings. ErrNoData where the well has
// none.
func (s *Server) latestRow(o *Overview) (*Row, error) {
	if o.Scan.IsZero() {
		return nil, ErrNoData
	}
	m := s.render.model(o)
	row := &Row{Number: o.Number, Time: o.Scan}
	for _, id := range PlatformSignals() {
		v := math.NaN()
		if sig := m.signals[id]; sig != nil && sig.Reading.Quality.Usable() && !m.old(sig) {
			v = sig.Reading.Value
		}
		row.Values = append(row.Values, v)
	}
	return row, nil
}

func (s *Server) telemetryLatest(c echo.Context) error {
	o, err := s.cfg.Wells.Overview(c.Request().Context(), wellParam(c))
	if err != nil {
		return err
	}
	row, err := s.latestRow(o)
	if err != nil {
		return err
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"success": true, "telemetry": newPlatformUnits().telemetry(o.Well.ID, row)})
}

func (s *Server) telemetryHistory(c echo.Context) error {
	ctx, well := c.Request().Context(), wellParam(c)
	hours, err := intParam(c, "hours", 24, 168)
	if err != nil {
		return err
	}
	if err := s.known(c, well); err != nil {
		return err
	}
	now := s.cfg.Now()
	step := time.Duration(0)
	if hours > rawHours {
		step = time.Minute
	}
	rows, err := s.cfg.Telemetry.History(ctx, well, PlatformSignals(), now.Add(-time.Duration(hours)*time.Hour), now, step)
	if err != nil {
		return err
	}
	units := newPlatformUnits()
	out := make([]telemetryDoc, len(rows))
	for i := range rows {
		out[i] = units.telemetry(well, &rows[i])
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"success": true, "well_id": well, "hours": hours, "count": len(out), "telemetry": out})
}

// summaryBody is the platform's summary of a well.
type summaryBody struct {
	WellID        esp.WellID `json:"well_id"`
	First         *string    `json:"first_reading"`
	Last          *string    `json:"last_reading"`
	Total         uint64     `json:"total_readings"`
	FlowRate      esp.Number `json:"avg_flow_rate"`
	MotorTemp     esp.Number `json:"avg_motor_temp"`
	Vibration     esp.Number `json:"avg_vibration"`
	Diagnostics   int        `json:"diagnostic_count"`
	Critical      int        `json:"critical_diagnostic_count"`
	Diagnosis     *string    `json:"last_diagnosis"`
	DiagnosisTime *string    `json:"last_diagnosis_time"`
}

func (s *Server) telemetrySummary(c echo.Context) error {
	ctx, well := c.Request().Context(), wellParam(c)
	if err := s.known(c, well); err != nil {
		return err
	}
	totals, err := s.cfg.Telemetry.Totals(ctx, well, PlatformSignals())
	if err != nil {
		return err
	}
	all, critical, err := s.cfg.Diagnoses.Count(ctx, well)
	if err != nil {
		return err
	}
	last, err := s.cfg.Diagnoses.Diagnoses(ctx, DiagnosisQuery{Well: well, Limit: 1})
	if err != nil {
		return err
	}
	mean := newPlatformUnits().telemetry(well, &Row{Values: totals.Means})
	body := summaryBody{
		WellID: well, Total: totals.Scans, FlowRate: mean.FlowRate, MotorTemp: mean.MotorTemp, Vibration: mean.Vibration,
		Diagnostics: all, Critical: critical, First: isoOrNull(totals.First), Last: isoOrNull(totals.Last),
	}
	if len(last) > 0 {
		body.Diagnosis = new(last[0].Diagnosis.ID.PlatformType())
		body.DiagnosisTime = isoOrNull(last[0].Diagnosis.Onset)
	}
	return s.plainJSON(c, http.StatusOK, map[string]any{"success": true, "summary": body})
}

func isoOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(iso(t))
}

// known is ErrNoWell for a well that is not configured.
func (s *Server) known(c echo.Context, well esp.WellID) error {
	for _, w := range s.cfg.Wells.Wells(c.Request().Context()) {
		if w.ID == well {
			return nil
		}
	}
	return ErrNoWell
}

// intParam is a whole number from 1 to most.
func intParam(c echo.Context, name string, absent, most int) (int, error) {
	raw := c.QueryParam(name)
	if raw == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < 1 || n > most {
		return 0, errInvalid(name, name+" must be a whole number from 1 to "+strconv.Itoa(most))
	}
	return n, nil
}
