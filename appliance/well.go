package appliance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"wellkeeper.internal/appliance/config"
	"wellkeeper.internal/appliance/esp"
	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/modbus"
	"wellkeeper.internal/storage"
	"wellkeeper.internal/web"
)

// well is one well while the appliance runs. It is not changed once it is in the live
// set: a reload puts another in its place, which shares what goes on.
type well struct {
	esp      esp.Well
	devices  []modbus.Device
	prefer   []string // whose value counts
	trip     config.Trip
	drive    esp.DeviceID // empty where no device is one
	period   time.Duration
	poller   *modbus.Poller
	pipeline *pipeline
	store    *storage.Store
	past     *Past
	failures *failureRate
	images   images // what the devices last said
	log      zerolog.Logger
	// known says that the pipeline has the stored past already: another poller fed it
	// until now.
	known bool
	life  *stage // nil until it is started; guarded by App.applying
}

// Past makes the readings of the time before the start.
type Past struct {
	// From is where the past begins where nothing is stored.
	From time.Time
	// Fill hands over the scans of the layout between two times, both excluded, in order.
	// It is called again to catch up with the time that filling took.
	Fill func(ctx context.Context, layout *esp.Layout, after, before time.Time, emit func(*esp.Scan) error) error
	// Done is called when the past is filled and the present begins.
	Done func()
}

func newWell(c *config.Well, a *App) (*well, error) {
	w, err := newPolling(c, a)
	if err != nil {
		return nil, err
	}
	w.past = a.past
	w.pipeline = newPipeline(w.esp, w.trip, w.faultWords, w.poller.Layout(), a.store, a.wakeUplink, component(w.log, "pipeline"))
	w.pipeline.stamps = a.newStamps(w.esp.ID, component(w.log, "clock"))
	return w, nil
}

// newPolling makes a well without a pipeline.
func newPolling(c *config.Well, a *App) (*well, error) {
	w := &well{
		esp: c.ESP(), devices: devices(c), prefer: c.Prefer, trip: c.Trip, store: a.store, failures: newFailureRate(len(c.Devices)),
		log: a.log.With().Str("well", c.ID).Logger(),
	}
	for _, d := range w.devices {
		if d.Profile.Kind == "drive" && w.drive == "" {
			w.drive = d.ID
		}
		if w.period == 0 || d.Period < w.period {
			w.period = d.Period
		}
	}
	w.images = newImages(w.devices)
	var err error
	w.poller, err = modbus.NewPoller(modbus.Config{
		Well: w.esp.ID, Devices: w.devices, Names: c.Names(), Links: a.links, Observe: w.images.observe, Fast: func(s *esp.Scan) { w.pipeline.box.fast(s) }, Log: a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("well %s: %w", c.ID, err)
	}
	return w, nil
}

// devices are the devices of a well as the poller takes them.
func devices(c *config.Well) []modbus.Device {
	var list []modbus.Device
	for _, d := range c.Devices {
		list = append(list, modbus.Device{
			ID: esp.DeviceID(d.Name), URL: d.URL, Unit: *d.Unit, Profile: d.Loaded, Period: d.Period, Fast: d.Fast, Timeout: d.Timeout,
		})
	}
	return list
}

// start polls the well until its stage is stopped.
func (w *well) start(life *stage) {
	w.life = life
	life.start("well "+string(w.esp.ID), w.run)
}

// drainTime bounds how long a poll under way may go on when its well is replaced.
const drainTime = 5 * time.Second

// drain stops the well between two polls and waits: what was asked for is stored.
func (w *well) drain() {
	w.poller.Stop()
	cut := time.AfterFunc(drainTime, w.life.cancel)
	defer cut.Stop()
	w.life.wait.Wait()
	w.life.cancel()
}

// run polls until ctx ends. What was known before the stop is brought back beside it:
// a drive is not left unread for a week of history.
func (w *well) run(ctx context.Context) error {
	defer w.pipeline.ended(context.WithoutCancel(ctx), true)
	if w.past != nil {
		return w.runPast(ctx)
	}
	latest, stored := w.store.Latest(w.esp.ID)
	if w.known || !stored {
		w.pipeline.restored = true
		return w.poller.Run(ctx, w.pipeline.live)
	}
	if err := w.show(ctx, &latest); err != nil {
		return stopped(ctx, err)
	}
	w.pipeline.await()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var relived error
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := w.restore(ctx, &latest); err != nil {
			relived = stopped(ctx, err)
			stop()
		}
	})
	polled := w.poller.Run(ctx, w.pipeline.live)
	stop()
	wait.Wait()
	return errors.Join(polled, relived)
}

// runPast brings back what was known, fills the past, and polls until ctx ends.
func (w *well) runPast(ctx context.Context) error {
	if latest, stored := w.store.Latest(w.esp.ID); stored && !w.known {
		if err := w.show(ctx, &latest); err != nil {
			return stopped(ctx, err)
		}
		if err := w.restore(ctx, &latest); err != nil {
			return stopped(ctx, err)
		}
	}
	w.pipeline.restored = true
	f := w.newFiller()
	if err := f.fill(ctx); err != nil {
		return stopped(ctx, err)
	}
	joined := false
	return w.poller.Run(ctx, func(ctx context.Context, s *esp.Scan) error {
		if !joined {
			if err := f.join(ctx, s.Time); err != nil {
				return err
			}
			joined = true
			w.past.Done()
		}
		return w.pipeline.live(ctx, s)
	})
}

// stopped is nil where err only says that ctx has ended.
func stopped(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// filler makes the past of one well.
type filler struct {
	well       *well
	from, last time.Time
	span       time.Duration
	records    []record.Record
	told       time.Time
}

func (w *well) newFiller() *filler {
	after := w.past.From
	if latest, ok := w.store.Latest(w.esp.ID); ok && latest.Time.After(after) {
		after = latest.Time
	}
	return &filler{well: w, from: after, last: after, span: time.Since(after)}
}

// catchUp is how close to the present the past is filled in bulk; the rest goes through
// the ordinary way into the store when the first reading has come.
const catchUp = 5 * time.Second

// fill makes the past in bulk, and again for the time that this took.
func (f *filler) fill(ctx context.Context) error {
	w := f.well
	for time.Since(f.last) > catchUp {
		before := f.last
		err := w.store.Bulk(ctx, w.esp.ID, func(push func(*esp.Scan) error) error {
			return f.take(ctx, time.Now(), push)
		})
		if err != nil {
			return fmt.Errorf("fill the past: %w", err)
		}
		f.flush(ctx)
		if f.last.Equal(before) {
			break // the past gives nothing more
		}
	}
	w.pipeline.filling(nil)
	if latest, ok := w.store.Latest(w.esp.ID); ok {
		w.pipeline.publish(&latest)
	}
	return nil
}

// join fills what is missing up to the first reading of the present, so that there is
// no hole between the two however long the last steps took.
func (f *filler) join(ctx context.Context, present time.Time) error {
	err := f.take(ctx, present, func(s *esp.Scan) error {
		_, err := f.well.store.Append(ctx, s)
		return err
	})
	if err != nil {
		return fmt.Errorf("join past and present: %w", err)
	}
	f.flush(ctx)
	f.well.pipeline.filling(nil)
	return nil
}

// tellEvery is how often the page hears of the progress.
const tellEvery = 250 * time.Millisecond

// take judges and stores what the past gives before a time.
func (f *filler) take(ctx context.Context, before time.Time, push func(*esp.Scan) error) error {
	return f.well.past.Fill(ctx, f.well.poller.Layout(), f.last, before, func(s *esp.Scan) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := f.well.pipeline
		s = p.grade(s)
		if err := push(s); err != nil {
			return err
		}
		changed := p.judge(s)
		records, err := changed.records()
		if err != nil {
			f.well.log.Error().Err(err).Msg("a record could not be encoded")
		}
		f.records = append(f.records, records...)
		f.last = s.Time
		p.beats.Add(1)
		f.tell(s.Time)
		return nil
	})
}

// tell shows the progress now and then.
func (f *filler) tell(at time.Time) {
	now := time.Now()
	if now.Sub(f.told) < tellEvery {
		return
	}
	f.told = now
	done := float64(at.Sub(f.from)) / float64(max(f.span, time.Second))
	f.well.pipeline.filling(&web.Filling{Span: f.span, Done: min(1, done)})
}

// flush stores the records of the scans taken so far, in one transaction.
func (f *filler) flush(ctx context.Context) {
	f.well.pipeline.write(ctx, f.records)
	f.records = nil
}

// failureRate counts the failed polls of the last hour per device, from counts since
// the start that are asked for now and then.
type failureRate struct {
	mu      sync.Mutex // guards devices
	devices []failureHistory
}

type failureHistory struct {
	minutes [60]uint64 // failed polls in each of the last minutes
	minute  int64      // the minute that the newest entry belongs to
	total   uint64
}

func newFailureRate(devices int) *failureRate {
	return &failureRate{devices: make([]failureHistory, devices)}
}

// lastHour notes the total of device i and gives how many came within the hour.
func (f *failureRate) lastHour(i int, total uint64, now time.Time) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := &f.devices[i]
	minute := now.Unix() / 60
	for step := max(h.minute+1, minute-59); step <= minute; step++ {
		h.minutes[step%60] = 0
	}
	h.minute = max(h.minute, minute)
	h.minutes[h.minute%60] += total - h.total
	h.total = total
	var sum uint64
	for _, n := range h.minutes {
		sum += n
	}
	return sum
}
