package central_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/central"
	"wellkeeper.internal/sync/central/centraltest"
	"wellkeeper.internal/sync/wire"
	"wellkeeper.internal/sync/wire/wiretest"
)

func TestDSNOverTheNetworkMustBeVerified(t *testing.T) {
	for dsn, want := range map[string]bool{
		"postgres://e:p@hq.example/esp":                                        false,
		"postgres://e:p@hq.example/esp?sslmode=require":                        false,
		"postgres://e:p@hq.example/esp?sslmode=verify-ca":                      false,
		"postgres://e:p@10.0.0.1/esp?sslmode=disable":                          false,
		"postgres://e:p@127.0.0.1,hq.example/esp?sslmode=prefer":               false,
		"postgres://e:p@hq.example/esp?sslmode=verify-full":                    true,
		"host=hq.example user=e dbname=esp sslmode=verify-full":                true,
		"postgres://e:p@127.0.0.1:5432/esp":                                    true,
		"postgres://e:p@[::1]/esp?sslmode=disable":                             true,
		"postgres://e:p@localhost/esp":                                         true,
		"host=/var/run/postgresql user=e dbname=esp":                           true,
		"postgres://e:p@hq.example,hq2.example:5433/esp?sslmode=verify-full":   true,
		"postgres://e:p@localhost.evil.example/esp?sslmode=disable":            false,
		"postgres://e:p@127.0.0.1.nip.io/esp?sslmode=disable":                  false,
		"postgres://e:p@/esp?host=hq.example&sslmode=allow":                    false,
		"postgres://e:p@hq.example/esp?sslmode=verify-full&sslrootcert=system": true,
	} {
		_, err := central.New(central.Config{DSN: dsn})
		if want && err != nil || !want && !errors.Is(err, central.ErrInsecure) {
			t.Errorf("%s: got error %v, want allowed = %v", dsn, err, want)
		}
		if _, err := central.New(central.Config{DSN: dsn, Insecure: true}); err != nil {
			t.Errorf("%s, insecure: %v", dsn, err)
		}
	}
	for _, dsn := range []string{"", "postgres://e:hunter2@127.0.0.1:port/esp", "postgres://e:hunter2@127.0.0.1/esp?sslmode=maybe"} {
		_, err := central.New(central.Config{DSN: dsn})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got error %v", dsn, err)
		}
	}
}

func TestNothingIsDialledBeforeTheFirstCall(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	mustSink(t, central.Config{DSN: "postgres://e@" + l.Addr().String() + "/x?sslmode=disable"})
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the sink connected by itself")
	}
}

// TestServerThatNeverAnswers is a half-open link: the call ends in time.
func TestServerThatNeverAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, c) }()
		}
	}()
	s := mustSink(t, central.Config{DSN: "postgres://e@" + l.Addr().String() + "/x?sslmode=disable", Timeout: time.Second})
	begin := time.Now()
	_, err = s.Ingest(t.Context(), 1, []byte("x"))
	refused(t, err, wire.Unreachable, "")
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("the call took %v", d)
	}
	l.Close()
	_, err = s.Ingest(t.Context(), 1, []byte("x"))
	refused(t, err, wire.Unreachable, "")
	if !strings.Contains(err.Error(), "refused") {
		t.Errorf("text %q does not say what is wrong", err)
	}
}

func TestKeptConnectionSurvivesARestart(t *testing.T) {
	db := centraltest.MustStartAlone(t)
	s := mustSink(t, central.Config{DSN: db.DSN(), Wells: func() []esp.WellID { return []esp.WellID{"A"} }})
	if _, err := s.Hello(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	b := wiretest.Unruly(wiretest.Rand(1), "A", 10, 10)
	mustIngest(t, s, b)
	db.Kill(t)
	payload, _ := encode(t, b)
	for range 2 {
		_, err := s.Ingest(t.Context(), 1, payload)
		refused(t, err, wire.Unreachable, "")
	}
	db.Start(t)
	if r, err := s.Ingest(t.Context(), 1, payload); err != nil || r.Repeated != 10 {
		t.Errorf("after the restart: %+v, %v", r, err)
	}
	sent, received := s.Bytes()
	if sent < uint64(2*len(payload)) || received == 0 {
		t.Errorf("%d bytes sent and %d received for two batches of %d", sent, received, len(payload))
	}
}

// TestHostileBatches changes bytes of a batch and gives it a right check sum again: the
// centre refuses or applies it, and goes on working.
func TestHostileBatches(t *testing.T) {
	db := mustMigrate(t)
	s := mustEdge(t, db, "RB-114")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := wiretest.Rand(seed)
	b := wiretest.Unruly(rng, "RB-114", 30, 12)
	payload, m := encode(t, b)
	if err := s.Register(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	applied := 0
	for range 200 {
		bad := append([]byte(nil), payload[:len(payload)-4]...)
		for range 1 + rng.IntN(3) {
			bad[13+rng.IntN(len(bad)-13)] = byte(rng.Uint32())
		}
		binary.BigEndian.PutUint64(bad[5:], rng.Uint64()) // else it is a repeat, and nobody looks inside
		if rng.IntN(5) == 0 {
			bad = bad[:31+rng.IntN(len(bad)-31)]
		}
		sum := sha256.Sum256(bad)
		_, err := s.Ingest(t.Context(), 1, append(bad, sum[:4]...))
		if err == nil {
			applied++
			continue
		}
		if r, ok := errors.AsType[*wire.Refusal](err); !ok || r.Class != wire.BadBatch && r.Class != wire.UnknownLayout {
			t.Fatalf("got error %v (%+v)", err, r)
		}
	}
	t.Logf("%d of 200 were taken", applied)
	mustIngest(t, s, wiretest.Unruly(rng, "RB-114", 30, 12))
	conn := mustConnect(t, db.DSN())
	rows := query[int](t, conn, "SELECT count(*) FROM esp.reading_raw")
	if n := query[int](t, conn, "SELECT count(*) FROM (SELECT DISTINCT epoch_id, scan FROM esp.reading_raw) x"); n != rows {
		t.Errorf("%d rows, but %d numbers", rows, n)
	}
	if n := query[int](t, conn, "SELECT sum(rows)::int FROM esp.batch"); n != rows {
		t.Errorf("%d rows, but the ledger says %d", rows, n)
	}
}

// TestNumbersOutsideTheirRangeAreRefused gives a batch numbers that its header does not
// claim, with which rows would get past the ledger.
func TestNumbersOutsideTheirRangeAreRefused(t *testing.T) {
	db := mustMigrate(t)
	s := mustEdge(t, db, "RB-114")
	trace := wiretest.NewTrace("RB-114", 1)
	b := wiretest.Batch{Layout: trace.Layout, Epoch: 1, First: 1, Last: 4}
	b.Scans = append(b.Scans, trace.Next().Clone())
	trace.Next()
	b.Scans = append(b.Scans, trace.Next().Clone())
	payload, m := encode(t, b)
	if err := s.Register(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(p []byte){
		"beyond last": func(p []byte) { binary.BigEndian.PutUint32(p[21:], 1) },
		"twice":       func(p []byte) { binary.BigEndian.PutUint32(p[54:], 0) },
	} {
		bad := append([]byte(nil), payload[:len(payload)-4]...)
		damage(bad)
		sum := sha256.Sum256(bad)
		bad = append(bad, sum[:4]...)
		if _, err := wire.DecodeReadings(bad); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: Go decodes it with %v", name, err)
		}
		_, err := s.Ingest(t.Context(), 1, bad)
		refused(t, err, wire.BadBatch, "WK004")
	}
	mustIngest(t, s, b)
}
