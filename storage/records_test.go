package storage_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/storage"
)

func event(tb testing.TB, id esp.WellID, n int) record.Record {
	tb.Helper()
	r, err := record.Event(esp.Event{Well: id, Time: start.Add(time.Duration(n) * time.Second), ID: "n", Text: fmt.Sprint(n)})
	if err != nil {
		tb.Fatal(err)
	}
	if n%3 == 0 {
		r.Kind = record.KindEntry
	}
	return r
}

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	s := open(t, config(dir))
	var want []record.Record
	for n := 1; n <= 600; n++ { // more than one page of them
		want = append(want, event(t, esp.WellID(fmt.Sprint("W", n%2)), n))
	}
	for _, part := range [][]record.Record{want[:1], want[1:600]} {
		last, err := s.AppendRecords(t.Context(), part)
		if err != nil || last != part[len(part)-1].Seq {
			t.Fatalf("append: number %d, %v", last, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config(dir))
	if diff := cmp.Diff(want, records(t, s, storage.RecordQuery{})); diff != "" {
		t.Fatalf("records (-want +got):\n%s", diff)
	}
	tests := map[string]struct {
		query storage.RecordQuery
		want  []uint64
	}{
		"newest":          {storage.RecordQuery{Newest: true, Limit: 3}, []uint64{600, 599, 598}},
		"after":           {storage.RecordQuery{AfterSeq: 597}, []uint64{598, 599, 600}},
		"after, newest":   {storage.RecordQuery{AfterSeq: 597, Newest: true}, []uint64{600, 599, 598}},
		"of a well":       {storage.RecordQuery{Well: "W1", Limit: 2}, []uint64{1, 3}},
		"of a kind":       {storage.RecordQuery{Kinds: []record.Kind{record.KindEntry}, Limit: 2}, []uint64{3, 6}},
		"of a time":       {storage.RecordQuery{From: start.Add(299 * time.Second), To: start.Add(301 * time.Second)}, []uint64{299, 300}},
		"across pages":    {storage.RecordQuery{Well: "W1", Kinds: []record.Kind{record.KindEntry}, Newest: true, To: start.Add(16 * time.Second)}, []uint64{15, 9, 3}},
		"beyond the last": {storage.RecordQuery{AfterSeq: 600}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []uint64
			for _, r := range records(t, s, tt.query) {
				got = append(got, r.Seq)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("numbers %v, want %v", got, tt.want)
			}
		})
	}
	seq, err := s.AppendRecord(t.Context(), event(t, "", 601))
	if err != nil || seq != 601 {
		t.Errorf("the next number is %d (%v), want 601", seq, err)
	}
}

func TestAppendRecordsIsAllOrNothing(t *testing.T) {
	s := open(t, config(t.TempDir()))
	bad := event(t, "W", 2)
	bad.Kind = ""
	if _, err := s.AppendRecords(t.Context(), []record.Record{event(t, "W", 1), bad}); !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("error %v, want ErrInvalid", err)
	}
	if got := records(t, s, storage.RecordQuery{}); len(got) != 0 {
		t.Errorf("%d records are there", len(got))
	}
	if s.Status().Failed {
		t.Error("a mistake of the caller counts as a failed disk")
	}
}

func TestTable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, config(dir))
	table, other := s.Table("uplink"), s.Table("users")
	if v, err := table.Get([]byte("nothing")); v != nil || err != nil {
		t.Errorf("a key of a table that is not there: %q, %v", v, err)
	}
	for _, k := range []string{"b", "a", "c"} {
		if err := table.Put([]byte(k), []byte("value of "+k)); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Put([]byte("a"), nil); err != nil {
		t.Fatal(err)
	}
	if err := table.Delete([]byte("c")); err != nil {
		t.Fatal(err)
	}
	undo := errors.New("undo")
	err := table.Update(func(tx *storage.Tx) error {
		if err := tx.Put([]byte("a"), []byte("changed")); err != nil {
			return err
		}
		if v, err := tx.Get([]byte("a")); string(v) != "changed" || err != nil {
			t.Errorf("within the transaction: %q, %v", v, err)
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Errorf("error %v, want the caller's own", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config(dir))
	var got []string
	err = s.Table("uplink").ForEach(func(k, v []byte) error {
		got = append(got, string(k)+"="+string(v))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a=value of a", "b=value of b"}, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestNothingWorksAfterClose(t *testing.T) {
	s := open(t, config(t.TempDir()))
	l := small(t, well)
	fill(t, s, l, start, 10)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, appended := s.Append(t.Context(), made(l, 1, start))
	_, recorded := s.AppendRecord(t.Context(), event(t, "W", 1))
	_, got := s.Table("t").Get([]byte("k"))
	var ranged, listed error
	for _, ranged = range s.Range(t.Context(), storage.Query{Well: well}) {
	}
	for _, listed = range s.Records(t.Context(), storage.RecordQuery{}) {
	}
	for name, err := range map[string]error{
		"append": appended, "sync": s.Sync(t.Context()), "record": recorded, "table put": s.Table("t").Put([]byte("k"), nil),
		"table get": got, "range": ranged, "records": listed,
		"bulk": s.Bulk(t.Context(), well, func(func(*esp.Scan) error) error { return nil }),
	} {
		if !errors.Is(err, storage.ErrClosed) {
			t.Errorf("%s: error %v, want ErrClosed", name, err)
		}
	}
	if got := s.Status(); got.Epoch == 0 {
		t.Error("Status forgot the epoch")
	}
}
