package clock

import "time"

const (
	// leastStep is the least change of the base that is a step of the clock: a clock that
	// is being slewed gains or loses half a millisecond a second and never makes one.
	leastStep = 500 // ms
	// leastCorrection is the least error of a stamp that is worth a correction.
	leastCorrection = 1000 // ms
	// maxSegments bounds a timeline where a clock jumps to and fro; the oldest of them
	// then stay as they were stamped.
	maxSegments = 256
)

// Segment is a run of scans of a well that were stamped by one clock.
type Segment struct {
	Epoch uint64 `json:"epoch"`
	First uint64 `json:"first"` // number of its first scan
	Last  uint64 `json:"last"`  // 0 while it goes on
	Base  int64  `json:"base_ms"`
	Trust Trust  `json:"trust"`
	// Drifts says that the segment went on from a better one without a step: its error
	// grew slowly and is not that of a clock which was set.
	Drifts bool `json:"drifts,omitempty"`
}

// Correction says that scans were stamped by a clock that was wrong: their true time is
// their stamp plus Offset.
type Correction struct {
	Epoch, First, Last uint64
	Offset             time.Duration
	Trust              Trust // of the clock that tells
	By                 string
}

// Timeline follows the stamps of one well through one boot. It is plain data, so that
// it can be kept over a restart of the program.
type Timeline struct {
	Boot     string    `json:"boot"`
	Segments []Segment `json:"segments"`
}

// Step is by how much the clock was set since the last scan, 0 when it was not. It is
// asked before the scan is stored.
func (t *Timeline) Step(r Reading) time.Duration {
	n := len(t.Segments)
	if n == 0 {
		return 0
	}
	if d := r.Base - t.Segments[n-1].Base; abs(d) >= leastStep {
		return time.Duration(d) * time.Millisecond
	}
	return 0
}

// Note takes the number that a scan stamped by r was stored under. changed says that
// the timeline should be kept anew; the corrections are those that r brings to light.
func (t *Timeline) Note(r Reading, epoch, seq uint64) (changed bool, corrections []Correction) {
	n := len(t.Segments)
	if n > 0 {
		last := &t.Segments[n-1]
		if last.Epoch == epoch && last.Trust == r.Trust && abs(r.Base-last.Base) < leastStep {
			last.Base = r.Base // slewed
			return false, nil
		}
		if last.Last == 0 && last.Epoch == epoch {
			last.Last = seq - 1
		}
	}
	corrections = t.correct(r)
	next := Segment{Epoch: epoch, First: seq, Base: r.Base, Trust: r.Trust}
	if n > 0 {
		last := &t.Segments[n-1]
		next.Drifts = r.Trust < last.Trust && abs(r.Base-last.Base) < leastStep
	}
	t.Segments = append(t.Segments, next)
	if over := len(t.Segments) - maxSegments; over > 0 {
		t.Segments = append(t.Segments[:0], t.Segments[over:]...)
	}
	return true, corrections
}

// correct settles the segments that were stamped under a lesser clock.
func (t *Timeline) correct(r Reading) (list []Correction) {
	for i := range t.Segments {
		s := &t.Segments[i]
		if s.Trust >= r.Trust || s.Drifts || s.Last < s.First {
			continue
		}
		if d := r.Base - s.Base; abs(d) >= leastCorrection {
			list = append(list, Correction{
				Epoch: s.Epoch, First: s.First, Last: s.Last, Offset: time.Duration(d) * time.Millisecond, Trust: r.Trust, By: r.By,
			})
			s.Base = r.Base
		}
		s.Trust = r.Trust
	}
	return list
}

func abs(v int64) int64 { return max(v, -v) }
