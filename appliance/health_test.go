package appliance_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance"
	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/configs"
	"wellkeeper.internal/modbus/profile"
	"wellkeeper.internal/modbus/sim"
	"wellkeeper.internal/storage"
)

// drive is a simulated drive that can be switched off and on again at its address.
type drive struct {
	t    *testing.T
	addr string
	bank *sim.Bank
	stop func()
}

func newDrive(t *testing.T) *drive {
	t.Helper()
	scenario, _ := sim.Find("normal")
	simulated, err := sim.NewWell(sim.Config{Seed: 1, Start: time.Now().Add(-time.Hour), Scenario: scenario, Onset: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := config.LoadProfile("simulated-drive", "", configs.Profiles)
	if err != nil {
		t.Fatal(err)
	}
	d := &drive{t: t, addr: "127.0.0.1:0", bank: sim.NewBank(map[uint8]*profile.Profile{1: p})}
	simulated.Advance(time.Now())
	d.bank.Load(simulated)
	d.on()
	t.Cleanup(func() { d.stop() })
	return d
}

func (d *drive) on() {
	d.t.Helper()
	listener, err := net.Listen("tcp", d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	d.addr = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.WithoutCancel(d.t.Context()))
	done := make(chan error, 1)
	server := sim.NewServer(sim.ServerConfig{Listener: listener, Bank: d.bank})
	go func() { done <- server.Run(ctx) }()
	d.stop = func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Error(err)
		}
		d.stop = func() {}
	}
}

// driveConfig is a box with one well and its drive.
func driveConfig(t *testing.T, data, addr string) *config.Config {
	t.Helper()
	cfg, err := config.Complete(&config.Config{
		Data: data,
		Web:  config.Web{Listen: "127.0.0.1:0", TLS: config.TLS{Mode: config.TLSOff}},
		Wells: []config.Well{{ID: "W-1", Devices: []config.Device{
			{Name: "drive", URL: "tcp://" + addr, Profile: "simulated-drive"},
		}}},
	}, config.Options{Profiles: configs.Profiles})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// detailed is what /health/detailed answers.
type detailed struct {
	Status     string
	Conditions []struct {
		Code, Subject, Severity, Text, Action string
		Since                                 time.Time
	}
	Dependencies map[string]struct{ Status string }
}

func (d *detailed) codes() []string {
	var out []string
	for _, c := range d.Conditions {
		out = append(out, c.Code+" "+c.Subject)
	}
	return out
}

// until waits for at most half a minute for what the box says of itself.
func (r *running) until(what string, ok func(*detailed) bool) *detailed {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var d detailed
		r.get("/health/detailed", &d)
		if ok(&d) {
			return &d
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("not %s after 30 s: %+v", what, d)
		}
	}
}

// metric reads one value of /metrics; ok is false where there is none.
func (r *running) metric(series string) (value float64, ok bool) {
	r.t.Helper()
	for line := range strings.Lines(r.text("/metrics")) {
		if rest, found := strings.CutPrefix(strings.TrimSpace(line), series+" "); found {
			value, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				r.t.Fatalf("%s: %v", line, err)
			}
			return value, true
		}
	}
	return 0, false
}

// A drive that is switched off becomes a condition with its time and what to do, is told
// once in the log of records, and is gone when the drive is back. The metrics count what
// was polled.
func TestSilentDriveIsACondition(t *testing.T) {
	t.Parallel()
	d := newDrive(t)
	data := t.TempDir()
	r := start(t, appliance.Options{Config: driveConfig(t, data, d.addr), Version: "test"})
	healthy := r.until("polled", func(*detailed) bool {
		n, _ := r.metric(`wellkeeper_store_scans_total{well="W-1"}`)
		return n >= 3
	})
	if healthy.Status != "ok" || len(healthy.Conditions) != 0 || healthy.Dependencies["modbus/W-1/drive"].Status != "ok" {
		t.Errorf("a box that works says %+v", healthy)
	}
	polls, _ := r.metric(`wellkeeper_device_polls_total{device="drive",well="W-1"}`)
	for series, want := range map[string][2]float64{
		`wellkeeper_store_scans_total{well="W-1"}`:                                    {polls - 6, polls + 3}, // the store is looked at every 5 s
		`wellkeeper_engine_duration_seconds_count{well="W-1"}`:                        {polls - 1, polls + 3},
		`wellkeeper_device_poll_duration_seconds_count{device="drive",well="W-1"}`:    {polls - 1, polls + 3},
		`wellkeeper_readings_total{quality="good",well="W-1"}`:                        {10, 1000},
		`wellkeeper_device_polls_failed_total{device="drive",well="W-1"}`:             {0, 0},
		`wellkeeper_device_up{device="drive",well="W-1"}`:                             {1, 1},
		`wellkeeper_health_status{status="ok"}`:                                       {1, 1},
		`wellkeeper_store_writable`:                                                   {1, 1},
		`wellkeeper_build_info{goversion="` + runtime.Version() + `",version="test"}`: {1, 1},
	} {
		if got, ok := r.metric(series); !ok || got < want[0] || got > want[1] {
			t.Errorf("%s is %v %v, want %v", series, got, ok, want)
		}
	}

	off := time.Now()
	d.stop()
	dead := r.until("silent", func(d *detailed) bool { return len(d.Conditions) > 0 })
	c := dead.Conditions[0]
	if dead.Status != "degraded" || c.Code != "device_silent" || c.Subject != "W-1/drive" || c.Severity != "today" || c.Action == "" ||
		c.Since.Sub(off).Abs() > 3*time.Second || dead.Dependencies["modbus/W-1/drive"].Status != "failed" {
		t.Errorf("with the drive off since %v: %+v", off, dead)
	}
	for series, want := range map[string]float64{
		`wellkeeper_device_up{device="drive",well="W-1"}`:              0,
		`wellkeeper_conditions{code="device_silent",severity="today"}`: 1,
	} {
		if got, _ := r.metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	again := r.until("silent", func(d *detailed) bool { return len(d.Conditions) > 0 })
	if !again.Conditions[0].Since.Equal(c.Since) {
		t.Errorf("since moves from %v to %v", c.Since, again.Conditions[0].Since)
	}

	d.on()
	r.until("healthy again", func(d *detailed) bool { return d.Status == "ok" })
	time.Sleep(6 * time.Second) // what changed is recorded every 5 s
	r.stop()
	if got := told(t, data, "device_silent"); !slices.Equal(got, []string{"device_silent_raised", "device_silent_cleared"}) {
		t.Errorf("recorded %v, want one beginning and one end", got)
	}
}

// told lists the ids of the events of a stopped appliance that begin so.
func told(t *testing.T, data, prefix string) (ids []string) {
	t.Helper()
	store, done := openStore(t, data)
	defer done()
	for r, err := range store.Records(t.Context(), storage.RecordQuery{Kinds: []record.Kind{record.KindEvent}}) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := record.Decode[esp.Event](r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(e.ID, prefix) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// A stop that was none is told at the next start, and only then.
func TestUncleanStop(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	cfg := testConfig(t, data)
	unclean := func() bool {
		r := start(t, appliance.Options{Config: cfg, Version: "test"})
		defer r.stop()
		return slices.Contains(r.until("up", func(*detailed) bool { return true }).codes(), "unclean_stop appliance")
	}
	for range 2 {
		if unclean() {
			t.Error("a proper stop was taken for none")
		}
	}
	store, err := storage.Open(t.Context(), storage.Config{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Table("appliance").Put([]byte("running"), []byte("test")); err != nil { // as kill -9 leaves it
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if !unclean() {
		t.Error("a stop that was none was not told")
	}
	if unclean() {
		t.Error("it is told again after a proper stop")
	}
}

// A disk that is nearly full is a condition, and the page says it at its top.
func TestDiskNearlyFull(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if os.Getuid() != 0 {
		t.Skip("skipped: mounting a file system needs root")
	}
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk).Run(); err != nil {
		t.Skipf("skipped: a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", disk).Run() })
	cfg := testConfig(t, filepath.Join(disk, "data"))
	start(t, appliance.Options{Config: cfg}).stop()
	room := 64<<20 - used(t, disk) - 1<<20
	if err := os.WriteFile(filepath.Join(disk, "stuff"), make([]byte, room), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, appliance.Options{Config: cfg})
	d := r.until("nearly full", func(d *detailed) bool { return slices.Contains(d.codes(), "disk_above_95 storage") })
	if slices.Contains(d.codes(), "disk_above_80 storage") || d.Dependencies["storage"].Status != "degraded" {
		t.Errorf("nearly full: %+v", d)
	}
	if page := r.text("/wells/W-1"); !strings.Contains(page, "of the disk is used") || !strings.Contains(page, "Free some space") {
		t.Error("the page does not say that the disk is nearly full")
	}
	if share, _ := r.metric("wellkeeper_disk_free_bytes"); share > 2<<20 {
		t.Errorf("%v bytes free", share)
	}
}

func used(t *testing.T, dir string) (total int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			total += int(info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}
