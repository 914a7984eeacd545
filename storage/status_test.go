package storage_test

import (
	"testing"
	"time"
)

// What was numbered since the start, and from when the newest durable scan is.
func TestStatusOfAWell(t *testing.T) {
	dir := t.TempDir()
	l := small(t, well)
	s := open(t, config(dir))
	for n := 1; n <= 10; n++ {
		mustAppend(t, s, made(l, n, start.Add(time.Duration(n)*time.Second)))
		if n == 7 {
			mustSync(t, s)
		}
	}
	w := s.Status().Wells[0]
	if w.Numbered != 10 || w.Pending != 3 || !w.Newest.Equal(start.Add(10*time.Second)) || !w.NewestDurable.Equal(start.Add(7*time.Second)) {
		t.Errorf("status %+v", w)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config(dir))
	if w := s.Status().Wells[0]; w.Numbered != 0 || w.Last != 10 || !w.NewestDurable.Equal(start.Add(10*time.Second)) {
		t.Errorf("status after a start %+v", w)
	}
	mustAppend(t, s, made(l, 11, start.Add(11*time.Second)))
	if w := s.Status().Wells[0]; w.Numbered != 1 {
		t.Errorf("%d numbered since the start, want 1", w.Numbered)
	}
}
