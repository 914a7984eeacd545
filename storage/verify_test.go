package storage_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage"
)

func onward(context.Context, time.Duration) error { return nil }

// Verify finds the one damaged block without anybody asking for its readings.
func TestVerify(t *testing.T) {
	dir := t.TempDir()
	stocked(t, dir)
	whole := open(t, config(dir))
	v, err := whole.Verify(t.Context(), onward)
	if err != nil {
		t.Fatal(err)
	}
	if v.Blocks < 3 || v.Damaged != 0 || v.Scans < 10800 || v.Bytes == 0 {
		t.Errorf("a whole store: %+v", v)
	}
	if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
	spoil(t, filepath.Join(dir, "history/2025-W48.db"), func(b []byte) []byte {
		b[strings.Index(string(b), "WKBk")+2000] ^= 1
		return b
	})
	s := open(t, config(dir))
	again, err := s.Verify(t.Context(), onward)
	if err != nil {
		t.Fatal(err)
	}
	if again.Damaged != 1 || again.Blocks != v.Blocks || again.Scans != v.Scans-3600 {
		t.Errorf("a store with one damaged block: %+v, before %+v", again, v)
	}
	if got := s.Status().DamagedBlocks; got != 1 {
		t.Errorf("%d damaged blocks reported, want 1", got)
	}
	if err := storage.Tick(s); err != nil {
		t.Fatal(err)
	}
	if g := gaps(t, s); len(g) != 1 || g[0].Reason != esp.GapDamaged {
		t.Errorf("gaps %+v, want one of the damaged block", g)
	}
	if v, err = s.Verify(t.Context(), onward); err != nil || v.Damaged != 0 {
		t.Errorf("the block is counted again: %+v, %v", v, err)
	}
}

func TestVerifyEndsWhenThePauseDoes(t *testing.T) {
	dir := t.TempDir()
	stocked(t, dir)
	s := open(t, config(dir))
	enough := errors.New("enough")
	pauses := 0
	v, err := s.Verify(t.Context(), func(_ context.Context, took time.Duration) error {
		if took <= 0 {
			t.Errorf("a block took %s", took)
		}
		if pauses++; pauses == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || v.Blocks != 2 {
		t.Errorf("got %v after %d blocks, want the pause's error after 2", err, v.Blocks)
	}
}
