package command_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"wellkeeper.internal/sync/central/centraltest"
)

// points is what the foreign device holds: of each type one, with extremes, and how
// it must come out at the page and at headquarters.
var points = []struct {
	name, typ, unit string
	scale           float64
	ref             int
	words           []uint16
	value           float64 // in the stored unit
	bad             string  // the quality, where there is no value
}{
	{"drive_frequency", "u16", "Hz", 0.01, 100, []uint16{5212}, 52.12, ""},
	{"torque", "s16", "%", 0.1, 101, []uint16{0xFF85}, -12.3, ""},
	{"motor_current", "u16", "A", 0.01, 102, []uint16{2437}, 24.37, ""},
	{"run_hours", "u32", "h", 0.01, 110, []uint16{0x0012, 0xD687}, 12345.67, ""},
	{"energy", "u32", "kWh", 1, 112, []uint16{0xFFFF, 0xFFFE}, 4294967294, ""},
	{"output_power", "f32", "kW", 1, 114, []uint16{0x41DC, 0x0000}, 27.5, ""},
	{"intake_pressure", "u16", "psi", 0.1, 120, []uint16{12345}, 8511.577878, ""},
	{"motor_temperature", "s16", "degC", 0.01, 121, []uint16{11725}, 117.25, ""},
	{"discharge_pressure", "u16", "psi", 0.1, 122, []uint16{0xFFFF}, 0, "invalid"},
	{"fault_code", "u16", "", 1, 123, []uint16{0}, 0, ""},
	{"vendor_word", "u16", "", 1, 124, []uint16{777}, 777, ""},
}

// device writes the registers and the profile of the foreign device.
func device(t *testing.T, dir string) (registers string) {
	t.Helper()
	image := map[string]int{}
	var profile strings.Builder
	profile.WriteString("schema: esp-profile/1\nid: foreign\nkind: drive\ndefaults: {fc: 3, base: 0}\npoints:\n")
	for _, p := range points {
		for i, w := range p.words {
			image[fmt.Sprint(p.ref+i)] = int(w)
		}
		fmt.Fprintf(&profile, "  - {name: %s, ref: %d, type: %s, scale: %g, unit: %q", p.name, p.ref, p.typ, p.scale, p.unit)
		if p.bad == "invalid" {
			profile.WriteString(", invalid: [0xFFFF]")
		}
		profile.WriteString("}\n")
	}
	body, err := json.Marshal(map[string]any{"1": map[string]any{"3": image}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "foreign.yaml"), profile.String())
	return string(body)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// peer starts a Modbus server that we did not write and returns its address.
func peer(t *testing.T, script, registers string) string {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", filepath.Join("..", "..", "scripts", "peers", script), "--registers", registers, "--stdin")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		missing(t, "python3: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) != 3 || words[0] != "READY" {
		missing(t, "%s did not come up (%q, %v): install what scripts/deps.sh lists", script, line, err)
	}
	return words[1] + ":" + words[2]
}

// missing skips for want of a foreign peer; in CI that is a failure.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// box writes a configuration that polls address every period and returns its file.
func box(t *testing.T, dir, address, dsn, period string) string {
	t.Helper()
	file := filepath.Join(dir, "wellkeeper.yaml")
	write(t, file, fmt.Sprintf(`data: %s/data
web: {listen: 127.0.0.1:0, tls: off}
store: {commit_every: 1s}
central: {dsn: "%s"}
wells:
  - id: RB-114
    name: RB-114
    devices:
      - {name: drive, url: tcp://%s, unit: 1, profile: ./foreign.yaml, period: %s}
`, dir, dsn, address, period))
	return file
}

// Each value of a foreign Modbus server stands at the page's API and at headquarters
// just as it was served, through an outage of the database; nothing is lost and
// nothing doubled.
func TestForeignPeersThroughAnOutage(t *testing.T) {
	for _, script := range []string{"pymodbus_server.py", "libmodbus_server.py"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			address := peer(t, script, device(t, dir))
			db := centraltest.MustStartAlone(t)
			db.Stop(t) // the box starts without headquarters
			p := launch(t, "run", "-c", box(t, dir, address, db.DSN(), "200ms"))

			await(t, "a first reading", 20*time.Second, func() bool { return servedAtPage(t, p) })
			db.Start(t)
			await(t, "rows at headquarters", 60*time.Second, func() bool { return rows(t, db) > 20 })
			db.Kill(t)
			time.Sleep(2 * time.Second) // readings pile up
			if !servedAtPage(t, p) {
				t.Error("the page has no readings while the database is away")
			}
			db.Start(t)
			before := rows(t, db)
			await(t, "the backlog at headquarters", 90*time.Second, func() bool { return rows(t, db) > before+20 })
			p.stop()
			complete(t, db, 1)
			servedAtHeadquarters(t, db)
		})
	}
}

// servedAtPage compares the latest readings one by one; false where there are none.
func servedAtPage(t *testing.T, p *program) bool {
	t.Helper()
	var latest struct {
		Signals []struct {
			Name, Quality string
			Value         *float64
		}
	}
	if !p.get("/api/v1/wells/RB-114/latest", &latest) || len(latest.Signals) < len(points) || latest.Signals[0].Quality != "good" {
		return false
	}
	got := map[string]*float64{}
	quality := map[string]string{}
	for _, s := range latest.Signals {
		got[s.Name], quality[s.Name] = s.Value, s.Quality
	}
	for _, want := range points {
		switch v := got[want.name]; {
		case want.bad != "" && (v != nil || quality[want.name] != want.bad):
			t.Errorf("page: %s is %v (%s), want no value, quality %s", want.name, v, quality[want.name], want.bad)
		case want.bad == "" && (v == nil || !near(*v, want.value)):
			t.Errorf("page: %s is %v (%s), want %v", want.name, v, quality[want.name], want.value)
		}
	}
	return true
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(1, math.Abs(b)) }

func connect(t *testing.T, db *centraltest.DB) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, db.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// rows is how many scans headquarters has; 0 where there is no schema yet.
func rows(t *testing.T, db *centraltest.DB) (n int) {
	t.Helper()
	conn := connect(t, db)
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM esp.reading_raw").Scan(&n); err != nil {
		return 0
	}
	return n
}

// complete checks that the numbers at headquarters run without a hole from 1 in each
// epoch, that none stands twice, and that no second is missing where none may be.
func complete(t *testing.T, db *centraltest.DB, epochs int) {
	t.Helper()
	conn := connect(t, db)
	list, err := conn.Query(t.Context(), "SELECT epoch_id, count(*), count(DISTINCT scan), min(scan), max(scan) FROM esp.reading_raw GROUP BY epoch_id")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for list.Next() {
		var epoch, count, distinct, first, last int64
		if err := list.Scan(&epoch, &count, &distinct, &first, &last); err != nil {
			t.Fatal(err)
		}
		found++
		if count != distinct || first != 1 || last != count {
			t.Errorf("epoch %d: %d rows, %d different numbers from %d to %d; want each number from 1 once", epoch, count, distinct, first, last)
		}
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	if found != epochs {
		t.Errorf("%d epochs at headquarters, want %d", found, epochs)
	}
}

// servedAtHeadquarters checks that every row at headquarters that has a good frequency
// holds just the values that were served.
func servedAtHeadquarters(t *testing.T, db *centraltest.DB) {
	t.Helper()
	conn := connect(t, db)
	for _, p := range points {
		query := fmt.Sprintf("SELECT count(*), count(%[1]s), coalesce(min(%[1]s), 0)::float8, coalesce(max(%[1]s), 0)::float8 FROM esp.reading WHERE drive_frequency IS NOT NULL", p.name)
		if p.name == "vendor_word" {
			query = "SELECT count(*), count(value), coalesce(min(value), 0)::float8, coalesce(max(value), 0)::float8 FROM esp.reading_long WHERE signal = 'vendor_word'"
		}
		var all, there int
		var low, high float64
		if err := conn.QueryRow(t.Context(), query).Scan(&all, &there, &low, &high); err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		switch {
		case p.bad != "" && there != 0:
			t.Errorf("headquarters: %s has %d values, want none", p.name, there)
		case p.bad == "" && (there == 0 || there != all || !near(low, p.value) || !near(high, p.value)):
			t.Errorf("headquarters: %s has %d of %d values from %v to %v, want all of them %v", p.name, there, all, low, high, p.value)
		}
	}
}

// A box that is killed again and again loses nothing that it had acknowledged, and
// headquarters ends with every number once.
func TestKillsEndToEnd(t *testing.T) {
	dir := t.TempDir()
	address := peer(t, "pymodbus_server.py", device(t, dir))
	db := centraltest.MustStartAlone(t)
	file := box(t, dir, address, db.DSN(), "100ms")
	for i := range 8 {
		p := launch(t, "run", "-c", file)
		await(t, "readings", 20*time.Second, func() bool { return servedAtPage(t, p) })
		time.Sleep(time.Duration(700+400*i) * time.Millisecond)
		p.kill()
	}
	p := launch(t, "run", "-c", file)
	await(t, "everything at headquarters", 60*time.Second, func() bool {
		var ready struct {
			Dependencies map[string]struct{ Status string }
		}
		return p.get("/health/ready", &ready) && rows(t, db) > 100
	})
	time.Sleep(2 * time.Second)
	p.stop()
	conn := connect(t, db)
	var all, different int
	if err := conn.QueryRow(t.Context(), "SELECT count(*), count(DISTINCT (epoch_id, scan)) FROM esp.reading_raw").Scan(&all, &different); err != nil {
		t.Fatal(err)
	}
	if all != different || all == 0 {
		t.Errorf("%d rows at headquarters, %d different", all, different)
	}
	servedAtHeadquarters(t, db)
}
