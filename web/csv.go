package web

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/appliance/esp"
)

const (
	// exportChunk is how much of an export is gathered before it is sent.
	exportChunk = 32 << 10
	// exportDeadline bounds the sending of one chunk.
	exportDeadline = 30 * time.Second
)

// exportUnits says in which units an export is; stored is that of the store.
func exportUnits(asked string, fallback Units) (Units, error) {
	switch u := Units(asked); u {
	case "":
		return fallback, nil
	case Oilfield, SI, storedUnits:
		return u, nil
	}
	return "", errInvalid("units", "units must be oilfield, si or stored")
}

const storedUnits Units = "stored"

// column is one signal of an export.
type column struct {
	signal *Signal
	unit   string
	show   esp.Linear
	digits int // beyond which digits are only made up by a conversion
}

func exportColumns(h *history, units Units) []column {
	show := newShower(units)
	out := make([]column, len(h.signals))
	for i, s := range h.signals {
		c := column{signal: s, unit: string(s.Unit), show: esp.Identity(), digits: 6}
		if units != storedUnits {
			d := show.display(keyOf(s.ID, s.Unit))
			c.unit, c.show = d.Symbol, d.Map
		} else if s.ID != 0 {
			c.digits = int(s.ID.Info().Decimals) + 1
		}
		out[i] = c
	}
	return out
}

// heading is "motor_current [A]", with what of it the column holds where that is asked.
func (c *column) heading(what string) string {
	name := c.signal.Name
	if what != "" {
		name += "_" + what
	}
	if c.unit == "" {
		return name
	}
	return name + " [" + c.unit + "]"
}

// number is a value in the units of the export; empty where there is none.
func (c *column) number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return ""
	}
	return strconv.FormatFloat(rounded(c.show.Apply(v), c.digits), 'f', -1, 64)
}

// export is GET /api/v1/wells/{well}/export.csv: what the chart shows, from the same
// sums, or with raw=1 every stored scan.
func (s *Server) export(c echo.Context) error {
	h, err := s.askedHistory(c, wellParam(c), maxPoints)
	if err != nil {
		return err
	}
	units, err := exportUnits(c.QueryParam("units"), s.render.look().units)
	if err != nil {
		return err
	}
	raw := c.QueryParam("raw") == "1"
	piece := "raw"
	if !raw {
		piece = strings.ReplaceAll(esp.Span(h.width), " ", "")
	}
	out := &exporter{
		loc: s.render.look().location, columns: exportColumns(h, units), rc: http.NewResponseController(c.Response()),
		out: bufio.NewWriterSize(c.Response(), exportChunk),
	}
	out.csv = csv.NewWriter(out)
	header := c.Response().Header()
	header.Set("Content-Type", "text/csv; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Disposition", `attachment; filename="`+out.fileName(h, piece)+`"`)
	if c.Request().Method == http.MethodHead {
		return c.NoContent(http.StatusOK)
	}
	if raw {
		err = out.scans(c.Request().Context(), s, h)
	} else {
		err = out.pieces(c.Request().Context(), s, h)
	}
	if err == nil {
		err = out.finish()
	}
	if err != nil && c.Response().Committed {
		// A file that only ends too early would be taken for the whole.
		s.log.Warn().Err(err).Str("well", string(h.overview.Well.ID)).Msg("an export was cut off")
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		header.Del("Content-Disposition")
	}
	return err
}

// exporter writes rows as they come.
type exporter struct {
	loc     *time.Location
	columns []column
	rc      *http.ResponseController
	out     *bufio.Writer
	csv     *csv.Writer
	row     []string
}

// Write gives each chunk its own time to be sent, since a whole export may take longer
// than any answer may.
func (e *exporter) Write(b []byte) (int, error) {
	if len(b) > e.out.Available() {
		if err := e.rc.SetWriteDeadline(time.Now().Add(exportDeadline)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return 0, err
		}
	}
	return e.out.Write(b)
}

func (e *exporter) finish() error {
	e.csv.Flush()
	if err := e.csv.Error(); err != nil {
		return fmt.Errorf("write an export: %w", err)
	}
	return e.out.Flush()
}

// fileName is "RB-114_2026-11-23T1432_2026-11-24T1432_UTC-0500_2min.csv", site time.
func (e *exporter) fileName(h *history, piece string) string {
	safe := func(r rune) rune {
		if r < 0x80 && (r == '-' || r == '.' || (r >= '0' && r <= '9') || (r >= 'A' && r <= 'Z') || (r >= 'a' && r <= 'z')) {
			return r
		}
		return '-'
	}
	const layout = "2006-01-02T1504"
	from, to := h.window.from.In(e.loc), h.window.to.In(e.loc)
	return strings.Map(safe, string(h.overview.Well.ID)) + "_" + from.Format(layout) + "_" + to.Format(layout) + "_UTC" + from.Format("-0700") + "_" + piece + ".csv"
}

func (e *exporter) begin(t time.Time) {
	e.row = append(e.row[:0], iso(t), t.In(e.loc).Format("2006-01-02T15:04:05.000-07:00"))
}

// pieces writes the sums that the chart draws, one row for each piece, and how many
// values were left out of them.
func (e *exporter) pieces(ctx context.Context, s *Server, h *history) error {
	list, _, err := s.buckets(ctx, h)
	if err != nil {
		return err
	}
	e.row = append(e.row[:0], "time_utc", "time_site")
	for i := range e.columns {
		c := &e.columns[i]
		e.row = append(e.row, c.heading("min"), c.heading("mean"), c.heading("max"), c.signal.Name+"_count", c.signal.Name+"_left_out")
	}
	if err := e.csv.Write(e.row); err != nil {
		return err
	}
	for i := range list[0].List {
		e.begin(list[0].List[i].Start)
		for k := range e.columns {
			b, c := &list[k].List[i], &e.columns[k]
			e.row = append(e.row, c.number(b.Min), c.number(b.Mean), c.number(b.Max), strconv.Itoa(b.Count), strconv.Itoa(b.Doubtful+b.Bad))
		}
		if err := e.csv.Write(e.row); err != nil {
			return err
		}
	}
	return nil
}

// scans writes every stored scan. A value that rules may not use is not in its column;
// the last column says what came instead, and why.
func (e *exporter) scans(ctx context.Context, s *Server, h *history) error {
	e.row = append(e.row[:0], "time_utc", "time_site")
	names := make([]string, len(e.columns))
	for i := range e.columns {
		names[i] = e.columns[i].signal.Name
		e.row = append(e.row, e.columns[i].heading(""))
	}
	if err := e.csv.Write(append(e.row, "left_out")); err != nil {
		return err
	}
	for row, err := range s.cfg.Curves.Scans(ctx, ScanQuery{Well: h.overview.Well.ID, Signals: names, From: h.window.from, To: h.window.to}) {
		if err != nil {
			return err
		}
		e.begin(row.Time)
		var left []string
		due := false
		for i, r := range row.Readings {
			due = due || r.Quality != esp.NotDue
			text := ""
			switch {
			case r.Quality.Usable():
				text = e.columns[i].number(r.Value)
			case r.Quality != esp.NotDue:
				left = append(left, e.columns[i].leftOut(r))
			}
			e.row = append(e.row, text)
		}
		if !due {
			continue
		}
		if err := e.csv.Write(append(e.row, strings.Join(left, "; "))); err != nil {
			return err
		}
	}
	return nil
}

// leftOut is "motor_temperature: implausible 412.5 (out_of_range)".
func (c *column) leftOut(r esp.Reading) string {
	text := c.signal.Name + ": " + r.Quality.String()
	if v := c.number(r.Value); v != "" && r.Quality.Shown() {
		text += " " + v
	}
	if r.Reason != esp.NoReason {
		text += " (" + r.Reason.String() + ")"
	}
	return text
}
