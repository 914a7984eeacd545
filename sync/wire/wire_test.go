package wire_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/sync/wire"
	"wellkeeper.internal/sync/wire/wiretest"
)

// encode makes the payload of a batch.
func encode(tb testing.TB, b wiretest.Batch) (payload []byte, notCarried int) {
	tb.Helper()
	m, err := wire.NewMapping(b.Layout)
	if err != nil {
		tb.Fatalf("mapping: %v", err)
	}
	w := wire.NewBuilder()
	w.Reset(m, b.Epoch, b.First, b.Last)
	for i := range b.Scans {
		if err := w.Add(&b.Scans[i]); err != nil {
			tb.Fatalf("add scan %d: %v", i, err)
		}
	}
	payload, err = w.Append(nil)
	if err != nil {
		tb.Fatalf("encode: %v", err)
	}
	return payload, w.NotCarried()
}

// check compares a decoded batch with the scans that went in.
func check(t *testing.T, b wiretest.Batch, r *wire.Readings, notCarried int) {
	t.Helper()
	m, _ := wire.NewMapping(b.Layout)
	if r.Epoch != b.Epoch || r.First != b.First || r.Last != b.Last || r.Layout != b.Layout.ID() || len(r.Times) != len(b.Scans) {
		t.Fatalf("header is %+v with layout %d and %d rows, want %+v", r.Header, r.Layout, len(r.Times), b)
	}
	missing := 0
	for row, s := range b.Scans {
		if !r.Times[row].Equal(s.Time) || r.Numbers[row] != s.Seq {
			t.Fatalf("row %d is scan %d at %v, want %d at %v", row, r.Numbers[row], r.Times[row], s.Seq, s.Time)
		}
		for i, want := range s.Readings {
			c := &r.Columns[i]
			wantCode := wire.CodeOf(want.Quality, want.Reason)
			if c.Codes[row] != wantCode {
				t.Fatalf("row %d column %d has quality %v %v, want %v %v", row, i, c.Codes[row].Quality(), c.Codes[row].Reason(), want.Quality, want.Reason)
			}
			carried := want.Quality.Shown() || want.Quality == esp.Stale
			if c.Present[row] != carried {
				if !carried {
					t.Fatalf("row %d column %d has a number beside %v", row, i, want.Quality)
				}
				missing++
				continue
			}
			if !carried {
				continue
			}
			got := m.Value(i, int64(c.Stored[row])+c.Shift)
			if col := &b.Layout.Columns[i]; !col.Float && got != want.Value || col.Float && !near(col, got, want.Value) {
				t.Fatalf("row %d column %d (%+v) is %v, want %v", row, i, col, got, want.Value)
			}
		}
	}
	if missing != notCarried {
		t.Fatalf("%d values are missing, the builder counted %d", missing, notCarried)
	}
}

// near compares a float within the resolution of its signal; a vendor's own float is
// carried whole.
func near(c *esp.Column, got, want float64) bool {
	if c.Signal == 0 {
		return got == want
	}
	return math.Abs(got-want) <= c.Signal.Info().Resolution()/2+math.Abs(want)*1e-15
}

func TestReadingsComeBackEqual(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := wiretest.Rand(seed)
	for range 200 {
		b := wiretest.Unruly(rng, "RB-114", 1+rng.IntN(300), 1+rng.IntN(100))
		payload, notCarried := encode(t, b)
		r, err := wire.DecodeReadings(payload)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		check(t, b, r, notCarried)
	}
}

func TestLargestBatch(t *testing.T) {
	b := wiretest.Unruly(wiretest.Rand(7), "RB-114", wire.MaxRows, 80)
	payload, notCarried := encode(t, b)
	r, err := wire.DecodeReadings(payload)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	check(t, b, r, notCarried)
}

// single makes a batch of one column from raw register integers.
func single(tb testing.TB, float bool, raws ...int64) wiretest.Batch {
	tb.Helper()
	l, err := esp.NewLayout("W", []esp.Column{{Name: "vendor", Scale: esp.Identity(), Float: float}}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	b := wiretest.Batch{Layout: l, Epoch: 1, First: 1, Last: uint64(len(raws))}
	for i, raw := range raws {
		b.Scans = append(b.Scans, esp.Scan{
			Time: wiretest.Start().Add(time.Duration(i) * time.Second), Layout: l, Seq: uint64(i + 1),
			Readings: []esp.Reading{{Raw: raw, Value: l.Columns[0].Decode(raw), Quality: esp.Good}},
		})
	}
	return b
}

func TestIntegersThatFitAreExact(t *testing.T) {
	for name, tc := range map[string]struct {
		raws       []int64
		notCarried int
	}{
		"signed 32 bits":            {[]int64{math.MinInt32, math.MaxInt32, 0}, 0},
		"unsigned 32 bits":          {[]int64{0, math.MaxUint32}, 0},
		"large counter":             {[]int64{5_000_000_000, 5_000_000_001}, 0},
		"across a window":           {[]int64{1<<32 - 1, 1 << 32}, 0},
		"negative counter":          {[]int64{-5_000_000_000, -5_000_000_001}, 0},
		"two ends of 33 bits":       {[]int64{0, 1 << 32}, 1},
		"ends of 64 bits":           {[]int64{math.MinInt64, math.MaxInt64, 3}, 2},
		"a code of 64 bits between": {[]int64{7, 8, 1 << 50}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := single(t, false, tc.raws...)
			payload, notCarried := encode(t, b)
			if notCarried != tc.notCarried {
				t.Errorf("not carried: got %d, want %d", notCarried, tc.notCarried)
			}
			r, err := wire.DecodeReadings(payload)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			check(t, b, r, notCarried)
		})
	}
}

func TestFloatWithoutANumberIsNotCarried(t *testing.T) {
	b := single(t, true, int64(math.Float64bits(math.NaN())), int64(math.Float64bits(math.Inf(1))), int64(math.Float64bits(1e300)), int64(math.Float64bits(1.5)))
	if _, notCarried := encode(t, b); notCarried != 3 {
		t.Errorf("not carried: got %d, want 3", notCarried)
	}
}

func TestBuilderRefusesWhatBreaksTheFormat(t *testing.T) {
	b := single(t, false, 1, 2, 3)
	m, _ := wire.NewMapping(b.Layout)
	other := single(t, true, 1).Scans[0]
	w := wire.NewBuilder()
	for name, add := range map[string]*esp.Scan{
		"another layout": &other,
		"below first":    {Seq: 1, Layout: b.Layout, Readings: b.Scans[0].Readings},
		"beyond last":    {Seq: 9, Layout: b.Layout, Readings: b.Scans[0].Readings},
	} {
		w.Reset(m, 1, 2, 8)
		if err := w.Add(add); !errors.Is(err, wire.ErrLimits) {
			t.Errorf("%s: got error %v, want ErrLimits", name, err)
		}
	}
	w.Reset(m, 1, 1, 8)
	if _, err := w.Append(nil); !errors.Is(err, wire.ErrLimits) {
		t.Errorf("empty batch: got error %v, want ErrLimits", err)
	}
	if err := errors.Join(w.Add(&b.Scans[1]), w.Add(&b.Scans[0])); !errors.Is(err, wire.ErrLimits) {
		t.Errorf("out of order: got error %v, want ErrLimits", err)
	}
}

func TestSameScansGiveSameBytes(t *testing.T) {
	b := wiretest.Unruly(wiretest.Rand(3), "RB-114", 200, 60)
	one, _ := encode(t, b)
	two, _ := encode(t, b)
	if diff := cmp.Diff(one, two); diff != "" {
		t.Error(diff)
	}
}

func TestRecordsComeBackEqual(t *testing.T) {
	at := time.UnixMilli(1_800_000_000_123).UTC()
	want := []record.Record{
		{Seq: 5, Time: at, Well: "RB-114", Kind: record.KindDiagnosis, Version: 1, Body: []byte(`{"id":"gas_lock"}`)},
		{Seq: 6, Time: at.Add(-time.Hour), Kind: record.KindAudit, Version: 3, Body: []byte(`null`)},
		{Seq: 9, Time: at, Well: "Скв-7", Kind: record.KindEvent, Version: 1, Body: []byte("{\"text\":\"\\u0000\"}")},
	}
	payload, err := wire.AppendRecords(nil, 77, 5, 12, want)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	h, got, err := wire.DecodeRecords(payload)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	if diff := cmp.Diff(wire.Header{Kind: wire.KindRecords, Epoch: 77, First: 5, Last: 12, Count: 3}, h); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := wire.AppendRecords(nil, 77, 6, 12, want); !errors.Is(err, wire.ErrLimits) {
		t.Errorf("record outside the range: got error %v, want ErrLimits", err)
	}
}

func TestDamageIsFound(t *testing.T) {
	payload, _ := encode(t, wiretest.Unruly(wiretest.Rand(5), "RB-114", 20, 10))
	for i := range payload {
		damaged := append([]byte(nil), payload...)
		damaged[i] ^= 0x10
		if _, err := wire.DecodeReadings(damaged); !errors.Is(err, wire.ErrMalformed) {
			t.Fatalf("byte %d of %d changed: got error %v, want ErrMalformed", i, len(payload), err)
		}
		if _, err := wire.DecodeReadings(payload[:i]); !errors.Is(err, wire.ErrMalformed) {
			t.Fatalf("cut to %d of %d bytes: got error %v, want ErrMalformed", i, len(payload), err)
		}
	}
}
