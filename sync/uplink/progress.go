package uplink

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/sync/wire"
)

// stateKey is where the progress is kept.
const stateKey = "uplink"

const stateVersion = 1

// logKey names a log: the scans of a well, or with an empty well the records.
type logKey struct {
	Well  esp.WellID `json:"well"`
	Epoch uint64     `json:"epoch"`
}

func (s Span) log() logKey             { return logKey{s.Well, s.Epoch} }
func (s Span) interval() wire.Interval { return wire.Interval{First: s.First, Last: s.Last} }

// plan is a batch: what it holds is decided once and for all.
type plan struct {
	Seq   uint64        `json:"seq"`
	Log   logKey        `json:"log"`
	Range wire.Interval `json:"range"`
	Live  bool          `json:"live,omitempty"`

	tries int // in this process
}

// quarantined is a batch that the centre refused time and again.
type quarantined struct {
	Plan  plan      `json:"plan"`
	Code  string    `json:"code,omitempty"`
	Text  string    `json:"text"`
	Since time.Time `json:"since"`
	Tries int       `json:"tries"` // since it was set aside
	Next  time.Time `json:"next"`  // when it is tried again
}

// delivered is what the centre has of one log.
type delivered struct {
	logKey
	Ranges wire.Intervals `json:"ranges"`
}

// progress is what the uplink must not forget. It is written once per batch, before
// the batch is first sent; what was delivered since the last write is found out from
// the centre after a crash.
type progress struct {
	Version     int           `json:"version"`
	NextSeq     uint64        `json:"next_seq"`
	Plans       []*plan       `json:"plans,omitempty"` // without an answer so far
	Delivered   []delivered   `json:"delivered,omitempty"`
	Quarantined []quarantined `json:"quarantined,omitempty"`
}

func (u *Uplink) load(ctx context.Context) error {
	body, err := u.config.State.Get(ctx, stateKey)
	if err != nil {
		return errStore("read the state of the uplink", err)
	}
	u.progress = progress{Version: stateVersion, NextSeq: 1}
	if body == nil {
		return nil
	}
	if err := json.Unmarshal(body, &u.progress); err != nil {
		return errStore("decode the state of the uplink", err)
	}
	if u.progress.Version != stateVersion {
		return fmt.Errorf("state of the uplink has version %d; this release reads %d", u.progress.Version, stateVersion)
	}
	return nil
}

func (u *Uplink) save(ctx context.Context) error {
	body, err := json.Marshal(&u.progress)
	if err != nil {
		return errStore("encode the state of the uplink", err)
	}
	if err := u.config.State.Put(ctx, stateKey, body); err != nil {
		return errStore("save the state of the uplink", err)
	}
	return nil
}

// delivered is the set of numbers of a log that the centre has.
func (p *progress) delivered(log logKey) wire.Intervals {
	for i := range p.Delivered {
		if p.Delivered[i].logKey == log {
			return p.Delivered[i].Ranges
		}
	}
	return nil
}

func (p *progress) setDelivered(log logKey, ranges wire.Intervals) {
	for i := range p.Delivered {
		if p.Delivered[i].logKey == log {
			p.Delivered[i].Ranges = ranges
			return
		}
	}
	p.Delivered = append(p.Delivered, delivered{log, ranges})
}

// settled are the numbers of a log that need no planning: delivered, planned or set
// aside.
func (p *progress) settled(log logKey) wire.Intervals {
	out := p.delivered(log)
	for _, x := range p.Plans {
		if x.Log == log {
			out = out.With(x.Range)
		}
	}
	return p.withQuarantined(out, log)
}

func (p *progress) withQuarantined(out wire.Intervals, log logKey) wire.Intervals {
	for i := range p.Quarantined {
		if q := &p.Quarantined[i].Plan; q.Log == log {
			out = out.With(q.Range)
		}
	}
	return out
}

// add plans a batch under the next number.
func (p *progress) add(log logKey, r wire.Interval, live bool) *plan {
	x := &plan{Seq: p.NextSeq, Log: log, Range: r, Live: live}
	p.NextSeq++
	p.Plans = append(p.Plans, x)
	return x
}

// drop takes a plan off the list.
func (p *progress) drop(x *plan) {
	p.Plans = slices.DeleteFunc(p.Plans, func(other *plan) bool { return other == x })
}

// greeting replaces what is known of the given logs by what the centre says: it is
// what the centre has, even where it has less than before (it may be another one, or
// have been restored from a backup). more counts numbers that it has lost.
func (p *progress) greeting(spans []Span, g *wire.Greeting) (lost uint64) {
	says := make(map[logKey]wire.Intervals, len(g.Applied))
	for _, a := range g.Applied {
		log := logKey{a.Well, uint64(a.Epoch)}
		says[log] = says[log].Union(a.Ranges)
	}
	seen := make(map[logKey]bool, len(spans))
	for _, s := range spans {
		if seen[s.log()] {
			continue
		}
		seen[s.log()] = true
		for _, had := range p.delivered(s.log()) {
			for _, gone := range says[s.log()].Missing(had) {
				lost += gone.Len()
			}
		}
		p.setDelivered(s.log(), says[s.log()])
	}
	// Logs that the store no longer has need no progress.
	p.Delivered = slices.DeleteFunc(p.Delivered, func(d delivered) bool { return !seen[d.logKey] })
	return lost
}
