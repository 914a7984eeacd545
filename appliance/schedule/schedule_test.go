package schedule_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wellkeeper.internal/appliance/esp/record"
	"wellkeeper.internal/appliance/schedule"
)

// table is a memory that outlives schedulers.
type table map[string][]byte

func (m table) Get(key []byte) ([]byte, error) { return m[string(key)], nil }

func (m table) Put(key, value []byte) error {
	m[string(key)] = slices.Clone(value)
	return nil
}

// box is an appliance whose clock can be set.
type box struct {
	t      *testing.T
	memory table
	zone   *time.Location
	offset atomic.Int64 // of its clock from the bubble's, in nanoseconds

	mu   sync.Mutex // guards runs
	runs []record.JobRun
	stop func()
	jobs *schedule.Scheduler
}

func newBox(t *testing.T, zone string) *box {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return &box{t: t, memory: table{}, zone: location}
}

func (b *box) now() time.Time        { return time.Now().Add(time.Duration(b.offset.Load())) }
func (b *box) set(clock time.Time)   { b.offset.Store(int64(time.Until(clock))) }
func (b *box) step(by time.Duration) { b.offset.Add(int64(by)) }

func (b *box) start(jobs ...schedule.Job) {
	b.t.Helper()
	s, err := schedule.New(schedule.Config{
		Jobs: jobs, Zone: b.zone, Memory: b.memory, Now: b.now,
		Report: func(_ context.Context, r record.JobRun) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.runs = append(b.runs, r)
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.jobs = s
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	}
}

// pass lets time pass and the runs that come due in it end.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// due are the times that were served, in order, in the box's zone.
func (b *box) due(outcome record.Outcome) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []string{}
	for _, r := range b.runs {
		if r.Outcome == outcome {
			list = append(list, r.Due.In(b.zone).Format("01-02 15:04"))
		}
	}
	return list
}

func (b *box) want(outcome record.Outcome, want ...string) {
	b.t.Helper()
	if got := b.due(outcome); !slices.Equal(got, want) {
		b.t.Errorf("%s: %v, want %v", outcome, got, want)
	}
}

func every(t *testing.T, expression string) schedule.Job {
	t.Helper()
	e, err := schedule.Parse(expression)
	if err != nil {
		t.Fatal(err)
	}
	return schedule.Job{Name: "job", Schedule: e, Do: func(context.Context) (string, error) { return "done", nil }}
}

func at(month time.Month, day, hour, minute int, zone *time.Location) time.Time {
	return time.Date(2026, month, day, hour, minute, 0, 0, zone)
}

func TestSteps(t *testing.T) {
	const daily, hourly = "30 3 * * *", "0 * * * *"
	tests := map[string]struct {
		zone, schedule string
		live           func(b *box, job schedule.Job)
		want           []string
	}{
		"a new job owes nothing of the past": {"UTC", daily, func(b *box, j schedule.Job) {
			b.set(at(5, 4, 12, 0, b.zone))
			b.start(j)
			pass(24 * time.Hour)
		}, []string{"05-05 03:30"}},
		"several missed while off are made up once": {"UTC", daily, func(b *box, j schedule.Job) {
			b.set(at(5, 4, 12, 0, b.zone))
			b.start(j)
			pass(time.Hour)
			b.stop()
			b.step(3 * 24 * time.Hour)
			b.start(j)
			pass(2 * time.Minute)
		}, []string{"05-07 03:30"}},
		"an hour back: the hour comes twice, its jobs once": {"UTC", hourly, func(b *box, j schedule.Job) {
			b.set(at(5, 4, 9, 30, b.zone))
			b.start(j)
			pass(time.Hour) // 10:30
			b.step(-time.Hour)
			pass(2 * time.Hour) // 11:30
		}, []string{"05-04 10:00", "05-04 11:00"}},
		"an hour ahead": {"UTC", hourly, func(b *box, j schedule.Job) {
			b.set(at(5, 4, 9, 30, b.zone))
			b.start(j)
			pass(time.Second)
			b.step(3 * time.Hour)
			pass(90 * time.Second)
		}, []string{"05-04 12:00"}},
		"ten years ahead and back": {"UTC", hourly, func(b *box, j schedule.Job) {
			b.set(at(5, 4, 9, 30, b.zone))
			b.start(j)
			pass(time.Hour)
			b.step(10 * 365 * 24 * time.Hour)
			pass(time.Hour)
			b.step(-10 * 365 * 24 * time.Hour)
			pass(time.Hour) // 12:30
		}, []string{"05-04 10:00", "05-01 10:00", "05-01 11:00", "05-04 11:00", "05-04 12:00"}},
		"a start in 1970": {"UTC", daily, func(b *box, j schedule.Job) {
			b.set(time.Date(1970, 1, 1, 0, 0, 20, 0, b.zone))
			b.start(j)
			pass(10 * time.Minute)
			b.set(at(5, 4, 12, 0, b.zone))
			pass(90 * time.Second)
		}, []string{"05-04 03:30"}},
		"summer time leaves the hour out": {"America/New_York", "30 2 * * *", func(b *box, j schedule.Job) {
			b.set(at(3, 7, 12, 0, b.zone))
			b.start(j)
			pass(36 * time.Hour)
		}, []string{"03-08 03:00"}}, // 02:30 does not exist
		"winter time repeats the hour": {"America/New_York", "30 1 * * *", func(b *box, j schedule.Job) {
			b.set(at(10, 31, 12, 0, b.zone))
			b.start(j)
			pass(36 * time.Hour)
		}, []string{"11-01 01:30"}},
		"an hourly job goes on through winter time": {"America/New_York", hourly, func(b *box, j schedule.Job) {
			b.set(at(11, 1, 0, 30, b.zone))
			b.start(j)
			pass(3 * time.Hour)
		}, []string{"11-01 01:00", "11-01 01:00", "11-01 02:00"}}, // two different hours
		"a zone with half an hour": {"Asia/Kolkata", hourly, func(b *box, j schedule.Job) {
			b.set(at(5, 4, 9, 45, b.zone))
			b.start(j)
			pass(time.Hour)
		}, []string{"05-04 10:00"}},
		"off": {"UTC", "off", func(b *box, j schedule.Job) {
			b.start(j)
			pass(400 * 24 * time.Hour)
		}, []string{}},
		"a leap day": {"UTC", "0 0 29 2 *", func(b *box, j schedule.Job) {
			b.set(at(5, 4, 12, 0, b.zone))
			b.start(j)
			pass(time.Second)
			b.set(time.Date(2028, 3, 1, 0, 0, 0, 0, b.zone))
			pass(2 * time.Minute)
		}, []string{"02-29 00:00"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox(t, tt.zone)
				tt.live(b, every(t, tt.schedule))
				b.stop()
				b.want(record.JobDone, tt.want...)
			})
		})
	}
}

// Through 500 random steps of the clock, restarts among them, no time is served twice,
// and none is left unserved for more than two minutes after it has come.
func TestRandomSteps(t *testing.T) {
	for _, expression := range []string{"*/10 * * * *", "0 * * * *", "30 3 * * *"} {
		t.Run(expression, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seed := rand.Uint64()
				t.Logf("seed %d", seed)
				random := rand.New(rand.NewPCG(seed, 1))
				b := newBox(t, "UTC")
				job := every(t, expression)
				b.set(at(5, 4, 12, 0, b.zone))
				b.start(job)
				pass(2 * time.Minute)
				owed := newest(expression, b.now())
				for range 500 {
					step := []time.Duration{time.Hour, 2 * time.Hour, 24 * time.Hour, 3650 * 24 * time.Hour}[random.IntN(4)]
					b.step(time.Duration(random.Int64N(int64(2*step))) - step)
					if random.IntN(4) == 0 {
						b.stop()
						b.start(job)
					}
					pass(time.Duration(random.Int64N(int64(3 * time.Hour))))
					pass(2 * time.Minute)
					// Where the clock was set to just before a later time, that one is run alone.
					then, now := newest(expression, b.now().Add(-2*time.Minute)), newest(expression, b.now())
					if served := b.served(t); served[then] == 0 && served[now] == 0 && then != owed {
						t.Fatalf("at %s nothing was run for %s", b.now(), then)
					}
				}
				b.stop()
			})
		})
	}
}

// served counts the runs of each time.
func (b *box) served(t *testing.T) map[time.Time]int {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	n := map[time.Time]int{}
	for _, r := range b.runs {
		if n[r.Due]++; n[r.Due] > 1 {
			t.Fatalf("run twice for %s", r.Due)
		}
	}
	return maps.Clone(n)
}

// newest is worked out without a cron expression.
func newest(expression string, now time.Time) time.Time {
	now = now.UTC()
	switch expression {
	case "*/10 * * * *":
		return now.Truncate(10 * time.Minute)
	case "0 * * * *":
		return now.Truncate(time.Hour)
	}
	day := now.Truncate(24 * time.Hour).Add(3*time.Hour + 30*time.Minute)
	if day.After(now) {
		day = day.Add(-24 * time.Hour)
	}
	return day
}

func TestAJobThatIsSlowBrokenOrCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, "UTC")
		b.set(at(5, 4, 9, 30, b.zone))
		job := every(t, "0 * * * *")
		turn := 0
		job.Do = func(ctx context.Context) (string, error) {
			turn++
			switch turn {
			case 1:
				return "", errors.New("no luck")
			case 2:
				panic("a bug")
			case 3:
				select { // longer than to the next time
				case <-time.After(90 * time.Minute):
				case <-ctx.Done():
				}
				return "", ctx.Err()
			}
			<-ctx.Done() // a stop cuts it off
			return "", ctx.Err()
		}
		b.start(job)
		pass(5 * time.Hour) // 14:30: the run of 14:00 is under way
		b.want(record.JobFailed, "05-04 10:00", "05-04 11:00")
		b.want(record.JobDone, "05-04 12:00")
		b.want(record.JobSkipped, "05-04 13:00")
		state := b.jobs.Jobs()[0]
		if !state.Running || state.Last == nil || state.Last.Outcome != record.JobDone || !state.Next.Equal(at(5, 4, 15, 0, b.zone)) {
			t.Errorf("state is %+v", state)
		}
		for range 4 { // it is begun again at the next starts, but not for ever
			b.stop()
			b.start(job)
			pass(2 * time.Minute)
		}
		b.want(record.JobInterrupted, "05-04 14:00", "05-04 14:00", "05-04 14:00")
		b.stop()
	})
}

// A run that a power cut ended is told, and begun again.
func TestAPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, "UTC")
		b.set(at(5, 4, 9, 30, b.zone))
		job := every(t, "0 * * * *")
		job.Do = func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		b.start(job)
		pass(time.Hour)
		atTheCut := maps.Clone(b.memory)
		b.stop()
		b.runs, b.memory = nil, atTheCut
		b.start(every(t, "0 * * * *"))
		pass(2 * time.Minute)
		b.stop()
		b.want(record.JobInterrupted, "05-04 10:00")
		b.want(record.JobDone, "05-04 10:00")
	})
}

// With another expression the old times mean nothing.
func TestAChangedSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox(t, "UTC")
		b.set(at(5, 4, 9, 30, b.zone))
		b.start(every(t, "0 * * * *"))
		pass(time.Hour)
		b.stop()
		b.start(every(t, "15 * * * *"))
		pass(time.Hour)
		b.want(record.JobDone, "05-04 10:00", "05-04 11:15")
		other, err := schedule.Parse("20 * * * *")
		if err != nil {
			t.Fatal(err)
		}
		b.jobs.SetSchedules(func(string) schedule.Expression { return other }, b.zone) // at 11:30, while it runs
		pass(time.Hour)
		b.stop()
		b.want(record.JobDone, "05-04 10:00", "05-04 11:15", "05-04 12:20")
	})
}

func TestParse(t *testing.T) {
	for _, good := range []string{"30 3 * * *", "@daily", "@weekly", "0 4 * * 0", "*/15 8-17 * * mon-fri", "off", " off "} {
		if _, err := schedule.Parse(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "daily", "* * * *", "61 * * * *", "0 0 31 2 *", "@every 5m", "TZ=", "TZ=UTC 0 4 * * *", "CRON_TZ=UTC"} {
		if e, err := schedule.Parse(bad); err == nil {
			t.Errorf("%q was taken as %q", bad, e)
		}
	}
}
