package auth

import (
	"strings"
	"sync"
	"time"
)

// Limits on guessing. They hold for the network; the console has a set of its own.
const (
	firstDelay  = time.Second
	lastDelay   = time.Minute
	window      = time.Minute
	mostTries   = 30               // in a window: from the whole network, and from the console
	forgetAfter = 30 * time.Minute // without a failure
)

// limiter counts tries to log in. A try counts as failed from its beginning, so that
// many at once are no way around the delays; a success takes that back. Refused tries
// do not count: a delay ends when it was said to end. Times are compared by the
// monotonic clock, which nobody can set.
type limiter struct {
	mu      sync.Mutex // guards what follows
	tries   map[string][]time.Time
	delays  map[string]*delay
	trusted map[string]time.Time // account and place of good logins
}

type delay struct {
	failures int
	until    time.Time
	last     time.Time
}

func newLimiter() *limiter {
	return &limiter{tries: map[string][]time.Time{}, delays: map[string]*delay{}, trusted: map[string]time.Time{}}
}

// begin takes a try in, or says how long to wait. A client that has logged in to the
// account before is delayed apart from all others, so that guesses from elsewhere do
// not keep its user out.
func (l *limiter) begin(a *Attempt) (accept func(), err error) {
	now := time.Now()
	name := strings.ToLower(a.Name)
	side, where := "net", place(a.Peer)
	if console(a.Peer) {
		side = "console"
	}
	account, pair := side+" account "+name, name+" at "+where
	l.mu.Lock()
	defer l.mu.Unlock()
	l.prune(now)
	if _, ok := l.trusted[pair]; ok {
		account = "pair " + pair
	}
	wait := time.Duration(0)
	for _, key := range []string{account, "place " + where} {
		if d := l.delays[key]; d != nil {
			wait = max(wait, d.until.Sub(now))
		}
	}
	if tries := l.tries[side]; len(tries) >= mostTries {
		wait = max(wait, tries[0].Add(window).Sub(now))
	}
	if wait > 0 {
		return nil, &WaitError{For: wait}
	}
	l.tries[side] = append(l.tries[side], now)
	for _, key := range []string{account, "place " + where} {
		l.failed(key, now)
	}
	return func() { l.accepted(account, "place "+where, pair) }, nil
}

// failed notes a failure: 1, 2, 4 … 60 s until the next try.
func (l *limiter) failed(key string, now time.Time) {
	d := l.delays[key]
	if d == nil {
		d = &delay{}
		l.delays[key] = d
	}
	d.until = now.Add(min(firstDelay<<min(d.failures, 10), lastDelay))
	d.failures++
	d.last = now
}

func (l *limiter) accepted(account, where, pair string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.delays, account)
	delete(l.delays, where)
	l.trusted[pair] = time.Now()
}

// prune forgets what is over. What stays is bounded by the tries of a window.
func (l *limiter) prune(now time.Time) {
	for side, tries := range l.tries {
		for len(tries) > 0 && now.Sub(tries[0]) >= window {
			tries = tries[1:]
		}
		l.tries[side] = tries
	}
	for key, d := range l.delays {
		if now.Sub(d.last) > forgetAfter {
			delete(l.delays, key)
		}
	}
	for pair, at := range l.trusted {
		if now.Sub(at) > 30*24*time.Hour {
			delete(l.trusted, pair)
		}
	}
}
