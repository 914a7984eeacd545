package appliance

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"wellkeeper.internal/appliance/diagnosis"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/storage"
)

const (
	// reliveStep thins what the engine sees again of the stored past after a start: the engine works in ticks of five seconds.
	reliveStep = 5 * time.Second
	// reliveFull is how much of it is given whole, for what looks at single scans.
	reliveFull = 15 * time.Minute
	// showSpan is what the small curves of the page show.
	showSpan = 90 * time.Minute
)

// restore lets the engine and the alarms relive the stored past up to its latest scan,
// settles what the log of records says against it, and judges what was read meanwhile.
func (w *well) restore(ctx context.Context, latest *esp.Scan) error {
	told, err := w.toldOpen(ctx)
	if err != nil {
		return err
	}
	w.pipeline.recall(&told)
	begin := time.Now()
	var scans int
	var last time.Time
	whole := latest.Time.Add(-reliveFull)
	for row, err := range w.store.Range(ctx, storage.Query{Well: w.esp.ID, From: latest.Time.Add(-diagnosis.Memory)}) {
		if err != nil {
			return fmt.Errorf("read the stored past: %w", err)
		}
		since := row.Time.Sub(last)
		if row.Seq > latest.Seq || (row.Time.Before(whole) && since >= 0 && since < reliveStep) {
			continue // read since the start, or between two ticks
		}
		last = row.Time
		w.pipeline.relive(&esp.Scan{Well: w.esp.ID, Time: row.Time, Layout: row.Layout, Readings: row.Readings, Seq: row.Seq})
		scans++
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("read the stored past: %w", err)
	}
	w.settle(ctx, &told)
	waited := w.pipeline.catchUp(ctx, latest)
	w.log.Info().Int("scans", scans).Int("waited", waited).Dur("took", time.Since(begin)).Msg("the stored past was brought back")
	return nil
}

// show has the page show the last readings and the curves up to them at once, before
// the long way through the stored past.
func (w *well) show(ctx context.Context, latest *esp.Scan) error {
	for row, err := range w.store.Range(ctx, storage.Query{Well: w.esp.ID, From: latest.Time.Add(-showSpan)}) {
		if err != nil {
			return fmt.Errorf("read the latest readings: %w", err)
		}
		w.pipeline.board.Observe(&esp.Scan{Well: w.esp.ID, Time: row.Time, Layout: row.Layout, Readings: row.Readings, Seq: row.Seq})
	}
	w.pipeline.publish(latest)
	w.pipeline.board.Touch()
	return nil
}

// await has live scans wait, stored and shown, until catchUp has judged them.
func (p *pipeline) await() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awaiting = true
}

// waits keeps a copy of a live scan while the past is relived and reports whether it
// did. The page shows its readings meanwhile; what they mean is told later.
func (p *pipeline) waits(s *esp.Scan) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.awaiting {
		return false
	}
	c := *s
	c.Readings = slices.Clone(s.Readings)
	p.waiting = append(p.waiting, &c)
	p.published.Seq, p.published.Scan, p.published.Layout = s.Seq, s.Time, s.Layout
	return true
}

// waited takes the scans that wait. Where there are none, scans wait no more.
func (p *pipeline) waited() []*esp.Scan {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.waiting
	p.waiting = nil
	if len(list) == 0 {
		p.awaiting, p.restored = false, true
	}
	return list
}

// reliving reports whether the past is still being relived.
func (p *pipeline) reliving() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.awaiting
}

// catchUp publishes what is known as of the latest scan of the past, judges what was read
// while it was relived, as if it was read now, and gives how many scans that were.
func (p *pipeline) catchUp(ctx context.Context, latest *esp.Scan) (n int) {
	p.publish(latest)
	for list := p.waited(); len(list) > 0; list = p.waited() {
		for _, s := range list {
			if ctx.Err() != nil {
				return n // they are stored: the next start relives them
			}
			p.tell(ctx, p.conclude(s))
		}
		p.publish(list[len(list)-1])
		n += len(list)
	}
	p.board.Touch()
	return n
}

// recall shows what the log says is open until it was looked at anew.
func (p *pipeline) recall(told *open) {
	findings := slices.SortedFunc(maps.Values(told.diagnoses), func(a, b esp.Diagnosis) int {
		return cmp.Or(a.Severity.Priority()-b.Severity.Priority(), a.Onset.Compare(b.Onset))
	})
	alarms := slices.SortedFunc(maps.Values(told.alarms), func(a, b esp.Alarm) int {
		return cmp.Or(a.Priority-b.Priority, a.Since.Compare(b.Since))
	})
	p.mu.Lock()
	p.published.Findings, p.published.Alarms = findings, alarms
	p.mu.Unlock()
	p.board.Touch()
}
