package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wellkeeper.internal/web"
)

// sse is one server-sent event.
type sse struct {
	kind, id string
	data     object
}

// listener reads a live stream.
type listener struct {
	t      *testing.T
	resp   *http.Response
	events chan sse
}

func (s *site) listen(t *testing.T, query string) *listener {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/live"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableCompression: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{t: t, resp: resp, events: make(chan sse, 100)}
	go l.read()
	t.Cleanup(func() { resp.Body.Close() })
	return l
}

func (l *listener) read() {
	defer close(l.events)
	var e sse
	lines := bufio.NewScanner(l.resp.Body)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			e.kind = value
		case "id":
			e.id = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				l.t.Errorf("event: %v: %s", err, value)
			}
		case "":
			if e.kind != "" {
				l.events <- e
			}
			e = sse{}
		}
	}
}

// next waits for the next event of one of the kinds.
func (l *listener) next(kinds ...string) sse {
	l.t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-l.events:
			if !ok {
				l.t.Fatalf("the stream ended while waiting for %v", kinds)
			}
			if slices.Contains(kinds, e.kind) {
				return e
			}
		case <-timeout:
			l.t.Fatalf("no %v within 10 s", kinds)
		}
	}
}

func TestLiveGivesASnapshotThenChanges(t *testing.T) {
	t.Parallel()
	s := open(t, time.Now, nil)
	l := s.listen(t, "?well=RB-114&parts=1")
	if got := l.resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("type: got %q", got)
	}
	if l.resp.Header.Get("Content-Encoding") != "" || l.resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", l.resp.Header)
	}
	snap := l.next("snapshot", "change", "beat")
	if snap.kind != "snapshot" {
		t.Fatalf("first event: got %s, want snapshot", snap.kind)
	}
	values, parts := snap.data["values"].(object), snap.data["parts"].(object)
	if len(values) != 21 || len(parts) != 8+6+9 {
		t.Errorf("snapshot: got %d values and %d parts, want 21 and 23", len(values), len(parts))
	}
	pip := values["intake_pressure"].(object)
	if pip["v"] != 4350.0 || pip["q"] != "good" || pip["t"].(float64) > 0 || pip["t"].(float64) < -2000 {
		t.Errorf("intake pressure: got %v", pip)
	}

	s.source.Value("motor_temperature", 99.5)
	change := l.next("change")
	if got := change.data["values"].(object)["motor_temperature"].(object)["v"]; got != 99.5 {
		t.Errorf("changed value: got %v, want 99.5", got)
	}
	if change.data["parts"] != nil {
		t.Errorf("a moved value changed parts: %v", change.data["parts"])
	}
	if snap.id == change.id {
		t.Errorf("ids do not move: %s", change.id)
	}

	s.set(t, "lost")
	lost := l.next("change")
	for lost.data["lost"] == nil {
		lost = l.next("change")
	}
	v := lost.data["values"].(object)["motor_temperature"].(object)
	if v["v"] != nil || v["q"] != "lost" || v["w"] != "bad: no answer in time" || v["l"] != 121.7 || v["lt"].(float64) > -250000 {
		t.Errorf("lost value: got %v", v)
	}
	if lost.data["lost"] != true || lost.data["state"] != "unknown" {
		t.Errorf("lost drive: got lost %v, state %v", lost.data["lost"], lost.data["state"])
	}
	has(t, fmt.Sprint(lost.data["parts"].(object)["state"]), "UNKNOWN")
	has(t, fmt.Sprint(lost.data["parts"].(object)["finding"]), "Drive does not answer")
	s.set(t, "live")
	s.source.Alter(func(o *web.Overview) { o.Signals[0].Time = o.Signals[0].Time.Add(-time.Minute) })
	var old object
	for tries := 0; tries < 5 && (old == nil || old["q"] != "stale"); tries++ {
		e := l.next("change")
		old, _ = e.data["values"].(object)["drive_frequency"].(object)
	}
	if old["v"] != nil || old["w"] != "stale: not read again" {
		t.Errorf("a value of a minute ago: got %v", old)
	}
}

// The first reading of a well, or another profile, changes what there is to show: that is
// a snapshot, because a change cannot take anything away.
func TestLiveGivesASnapshotWhenTheShapeChanges(t *testing.T) {
	t.Parallel()
	s := open(t, time.Now, nil)
	s.set(t, "empty")
	l := s.listen(t, "?well=RB-114&parts=1")
	if first := l.next("snapshot"); len(first.data["parts"].(object)) != 8+9 {
		t.Errorf("parts of a well without a reading: got %d, want 17", len(first.data["parts"].(object)))
	}
	for _, c := range []struct {
		state string
		parts int
	}{{"live", 23}, {"minimal", 17}, {"empty", 17}} {
		s.set(t, c.state)
		e := l.next("snapshot", "change")
		if e.kind != "snapshot" || len(e.data["parts"].(object)) != c.parts {
			t.Errorf("to %s: got a %s with %d parts, want a snapshot with %d", c.state, e.kind, len(e.data["parts"].(object)), c.parts)
		}
	}
}

func TestLivePartsAreForWhoAsks(t *testing.T) {
	t.Parallel()
	s := open(t, time.Now, nil, "RB-114", "RB-115")
	if snap := s.listen(t, "?well=RB-114").next("snapshot"); snap.data["parts"] != nil {
		t.Errorf("parts were not asked for: %v", snap.data["parts"])
	}
	all := s.listen(t, "?parts=1").next("snapshot")
	if len(all.data["wells"].(object)) != 2 || len(all.data["list"].([]any)) != 2 || all.data["parts"].(object)["well-RB-115"] == nil {
		t.Errorf("stream over all wells: %v", all.data)
	}
}

// What changes at every poll must not carry the page with it: about 2 kB a second.
func TestLiveChangesAreSmallAndSpaced(t *testing.T) {
	t.Parallel()
	s := open(t, time.Now, nil)
	s.set(t, "gas")
	l := s.listen(t, "?well=RB-114&parts=1")
	l.next("snapshot")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 40 {
			s.source.Tick()
			time.Sleep(50 * time.Millisecond)
		}
	}()
	start, changes, bytes := time.Now(), 0, 0
	for time.Since(start) < 2*time.Second {
		b, err := json.Marshal(l.next("change").data)
		if err != nil {
			t.Fatal(err)
		}
		bytes += len(b)
		changes++
	}
	<-done
	if changes > 3 {
		t.Errorf("20 polls a second: got %d changes in 2 s, want at most 3", changes)
	}
	if each := bytes / changes; each > 3000 {
		t.Errorf("a change has %d bytes, want at most 3000", each)
	}
}

func TestLiveBeatsAndOutlivesItsDeadlines(t *testing.T) {
	t.Parallel()
	s := open(t, nil, nil) // the clock stands still and nothing changes
	s.source.Alter(func(o *web.Overview) { o.Devices = nil })
	l := s.listen(t, "?well=RB-114")
	l.next("snapshot")
	start := time.Now()
	for range 3 {
		last := time.Now()
		beat := l.next("beat", "change")
		if beat.kind == "change" {
			t.Fatalf("a change although nothing changes: %v", beat.data)
		}
		if gap := time.Since(last); gap > 2500*time.Millisecond {
			t.Errorf("a beat came after %s, want 2 s", gap)
		}
		if beat.data["time"] != float64(1795462327000) || beat.data["seq"] == nil {
			t.Errorf("beat: got %v", beat.data)
		}
	}
	if time.Since(start) < 5*time.Second {
		t.Error("beats come too fast") // and 6 s are more than the deadline of one write
	}
}

func TestLiveDropsAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	s := open(t, time.Now, nil)
	var n atomic.Int64
	s.source.Alter(func(o *web.Overview) {
		o.Notices = []string{strings.Repeat("x", 512<<10) + fmt.Sprint(n.Add(1))}
	})
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /api/v1/live?well=RB-114&parts=1 HTTP/1.1\r\nHost: box\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	await(t, "the stream", func() bool { return s.Streams() == 1 })
	start := time.Now()
	await(t, "the end of the stream", func() bool { return s.Streams() == 0 })
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("dropped after %s, want at most 5 s", took)
	}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 8*time.Second {
			t.Fatalf("%s: not within 8 s", what)
		}
	}
}

func TestLiveIsCapped(t *testing.T) {
	t.Parallel()
	s := open(t, time.Now, nil)
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: &http.Transport{}}
	ask := func() (answer, string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/live?well=RB-114", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		var body []byte
		if resp.StatusCode != http.StatusOK { // else it has no end
			body, err = io.ReadAll(resp.Body)
		}
		if err != nil {
			t.Fatal(err)
		}
		return answer{StatusCode: resp.StatusCode, Header: resp.Header}, string(body)
	}
	for i := range 128 {
		if resp, _ := ask(); resp.StatusCode != http.StatusOK {
			t.Fatalf("stream %d: got %d, want 200", i+1, resp.StatusCode)
		}
	}
	resp, body := ask()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, `{"error":{"code":"busy"`) {
		t.Errorf("stream 129: got %d %s, want 503", resp.StatusCode, body)
	}
	if resp, _ := s.get(t, "/"); resp.StatusCode != http.StatusOK {
		t.Errorf("the page while all streams are taken: got %d, want 200", resp.StatusCode)
	}
	cancel()
	await(t, "the end of the streams", func() bool { return s.Streams() == 0 })
	if _, ok := <-s.listen(t, "?well=RB-114").events; !ok {
		t.Error("no stream after the others have gone")
	}
}

func TestLiveEndsWithTheServer(t *testing.T) {
	t.Parallel()
	s := open(t, time.Now, nil)
	l := s.listen(t, "?well=RB-114")
	l.next("snapshot")
	start := time.Now()
	if err := s.stop(); err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("stopping took %s with an open stream", took)
	}
	for range l.events { // ends
	}
}

// A page that nobody looks at costs nothing.
func TestNobodyListeningNothingMade(t *testing.T) {
	t.Parallel()
	s := open(t, time.Now, nil)
	var made atomic.Int64
	s.source.Alter(func(*web.Overview) { made.Add(1) })
	for range 10 {
		s.source.Tick()
		time.Sleep(20 * time.Millisecond)
	}
	before := made.Load()
	l := s.listen(t, "?well=RB-114")
	l.next("snapshot")
	if before > 1 || made.Load() == before { // one: the list of wells at the start
		t.Errorf("overviews made: %d with nobody listening, %d after", before, made.Load())
	}
}
