package wire_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage/block/column"
	"wellkeeper.internal/sync/wire"
	"wellkeeper.internal/sync/wire/wiretest"
)

// sealed gives a body the right check sum, so that the fuzzer reaches what is behind.
func sealed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:4]...)
}

// FuzzDecode feeds bodies with a right check sum: the decoders refuse them or give
// something within the limits, and never panic.
func FuzzDecode(f *testing.F) {
	for seed := range uint64(6) {
		payload, _ := encode(f, wiretest.Unruly(wiretest.Rand(seed), "W", 1+int(seed)*4, 1+int(seed)*3))
		f.Add(payload[:len(payload)-4])
	}
	payload, err := wire.AppendRecords(nil, 1, 1, 3, []record.Record{{Seq: 2, Kind: "event", Well: "W", Body: []byte("{}")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload[:len(payload)-4])
	f.Fuzz(func(t *testing.T, body []byte) {
		payload := sealed(body)
		r, err := wire.DecodeReadings(payload)
		if err != nil && !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, column.ErrMalformed) {
			t.Fatalf("error of another kind: %v", err)
		}
		if err == nil {
			if len(r.Times) != r.Count || len(r.Numbers) != r.Count || len(r.Columns) > wire.MaxColumns || r.Count > wire.MaxRows {
				t.Fatalf("%d times and %d numbers for %d rows", len(r.Times), len(r.Numbers), r.Count)
			}
			for _, n := range r.Numbers {
				if n < r.First || n > r.Last {
					t.Fatalf("number %d outside %d to %d", n, r.First, r.Last)
				}
			}
		}
		h, records, err := wire.DecodeRecords(payload)
		if err != nil && !errors.Is(err, wire.ErrMalformed) {
			t.Fatalf("error of another kind: %v", err)
		}
		if err == nil { // records have one encoding
			again, err := wire.AppendRecords(nil, h.Epoch, h.First, h.Last, records)
			if err != nil || !bytes.Equal(again, payload) {
				t.Fatalf("encoding %d records again: %v", len(records), err)
			}
		}
	})
}
