package web

import (
	"net/http"
	"strings"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/web/auth"
)

// What the tests see of the inside.

// Route is a row of the table of routes.
type Route struct {
	Method, Path string
	Public       bool
	Compute      bool
	Ruled        bool      // has an access class
	Least        auth.Role // of a login; Nobody where none is needed by itself
}

// Table is the table of routes.
func (s *Server) Table() []Route {
	var out []Route
	for _, r := range s.routes() {
		row := Route{Method: r.method, Path: r.path, Public: r.access == public, Compute: r.access == compute, Ruled: r.access != denied}
		if r.access >= compute {
			row.Least = r.access.least()
		}
		out = append(out, row)
	}
	return out
}

// Handler is what answers requests.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// HTTP is the server with its limits.
func (s *Server) HTTP() *http.Server { return s.http }

// Streams counts the live streams.
func (s *Server) Streams() int {
	n, _ := s.Live()
	return n
}

// DeniedByDefault says what a route without a rule answers.
func (s *Server) DeniedByDefault() bool {
	return s.guard(&route{handle: s.healthLive})(nil) != nil
}

// For tables of units and words.
var (
	ClockText  = clock
	UnitTable  = unitTable
	NewShower  = newShower
	Displays   = displays
	TrendArrow = trendArrow
)

// Sentence is a sentence as it is shown.
func Sentence(u Units, s string) string {
	var out strings.Builder
	for _, w := range newShower(u).words(s) {
		if w.Number != nil {
			out.WriteString("[" + w.Number.Text + " " + w.Number.Symbol + "]")
			continue
		}
		if w.Strong {
			out.WriteString("*" + w.Text + "*")
			continue
		}
		out.WriteString(w.Text)
	}
	return out.String()
}

// Shown is a value as it is shown.
func Shown(u Units, key string, v float64) string {
	q := newShower(u).number(unitKey(key), v, -1)
	return q.Text + " " + q.Symbol
}

// Gaps finds what is missing.
var Gaps = gaps

// NoteOf is a note as far as it matters for what is told.
type NoteOf struct {
	Kind, ID string
	Change   esp.Change
	At       time.Time
}

// Told gives the positions of the notes that the page tells.
func Told(list []NoteOf) []int {
	var all []noteDoc
	for i, n := range list {
		all = append(all, noteDoc{Number: uint64(i), Kind: record.Kind(n.Kind), ID: n.ID, Change: n.Change, at: n.At})
	}
	var out []int
	for _, n := range told(all) {
		out = append(out, int(n.Number))
	}
	return out
}
