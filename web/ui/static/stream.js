// The live stream of a page: one per browser where the browser has Web Locks (the tab that
// holds the lock hands its events to the others), else one per tab. It is closed while the
// tab is hidden. Silence for 6 s means offline, whatever the network says.
const SILENCE = 6000;
const BACKOFF = [1, 2, 5, 10];

export class Stream {
  // on.event(kind, data) gets snapshot, change and beat; on.offline() and on.online() the
  // changes of the connection.
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.offline = false;
    this.heard = 0; // when the server was last heard, here or through another tab
    this.since = 0; // when the present attempt began
    this.retryAt = 0;
    this.attempt = 0;
    this.full = null; // the latest state as one snapshot, for tabs that join
    this.name = "wellkeeper" + url;
    this.channel = navigator.locks && "BroadcastChannel" in window ? new BroadcastChannel(this.name) : null;
    if (this.channel) this.channel.onmessage = (m) => this.relayed(m.data);
  }

  start() {
    const wake = () => (document.visibilityState === "visible" ? this.wake() : this.sleep());
    document.addEventListener("visibilitychange", wake);
    addEventListener("pageshow", wake);
    addEventListener("online", wake);
    addEventListener("pagehide", () => this.sleep());
    setInterval(() => this.watch(), 500);
    wake();
  }

  wake() {
    this.attempt = 0;
    this.retryAt = 0;
    this.since = this.alive = Date.now();
    this.awake = true;
    if (this.source && this.source.readyState === EventSource.OPEN && Date.now() - this.heard < SILENCE) return;
    this.lead(false);
  }

  sleep() {
    this.awake = false;
    this.close();
    this.resign();
  }

  // lead opens the stream, where there are locks once this tab holds it. steal takes it from
  // a tab that no longer answers.
  lead(steal) {
    if (!this.channel) return this.open();
    if (this.leader) return this.open();
    if (this.waiting && !steal) return this.channel.postMessage({ kind: "hello" });
    this.resign();
    const abort = new AbortController();
    this.waiting = abort;
    const held = () =>
      new Promise((release) => {
        this.leader = release;
        this.open();
      });
    navigator.locks
      .request(this.name, steal ? { steal: true } : { signal: abort.signal }, held)
      .catch(() => {}) // given up, or taken by another tab
      .finally(() => {
        if (this.waiting !== abort) return;
        this.waiting = this.leader = null;
        this.close();
      });
    this.channel.postMessage({ kind: "hello" });
  }

  resign() {
    const { leader, waiting } = this;
    this.leader = this.waiting = null;
    if (leader) leader();
    else if (waiting) waiting.abort();
  }

  open() {
    this.close();
    this.since = Date.now();
    this.retryAt = 0;
    const source = (this.source = new EventSource(this.url));
    for (const kind of ["snapshot", "change", "beat"]) {
      source.addEventListener(kind, (e) => {
        const data = JSON.parse(e.data);
        this.keep(kind, data);
        if (this.channel) this.channel.postMessage({ kind, data });
        this.take(kind, data);
      });
    }
    source.addEventListener("gone", () => {
      if (this.channel) this.channel.postMessage({ kind: "gone" });
      this.leave();
    });
    source.onerror = () => {
      if (this.source === source) this.fail();
    };
  }

  // leave goes where the wells are: this one was taken out of the configuration.
  leave() {
    this.close();
    location.replace("/");
  }

  close() {
    if (this.source) this.source.close();
    this.source = null;
  }

  keep(kind, data) {
    if (kind === "snapshot") this.full = data;
    if (kind !== "change" || !this.full) return;
    this.full = {
      ...this.full,
      ...data,
      parts: { ...this.full.parts, ...data.parts },
      values: { ...this.full.values, ...data.values },
    };
  }

  relayed(message) {
    if (message.kind === "hello") {
      if (this.leader && this.full) this.channel.postMessage({ kind: "snapshot", data: this.full });
      return;
    }
    if (message.kind === "gone") return this.leave();
    this.alive = Date.now();
    if (this.leader || !this.awake || message.kind === "trying") return;
    this.keep(message.kind, message.data);
    if (message.kind !== "snapshot" && !this.full) return;
    this.take(message.kind, message.data);
  }

  take(kind, data) {
    this.heard = Date.now();
    this.attempt = 0;
    if (this.offline && kind === "beat") return; // first the full picture, then the all-clear
    if (this.offline && kind === "change" && this.channel && !this.leader) {
      this.channel.postMessage({ kind: "hello" });
      return;
    }
    this.on.event(kind, data);
    if (this.offline) {
      this.offline = false;
      this.on.online();
    }
  }

  fail() {
    this.close();
    this.full = null;
    this.retryAt = Date.now() + BACKOFF[Math.min(this.attempt, BACKOFF.length - 1)] * 1000;
    this.attempt++;
    this.mark();
  }

  mark() {
    if (this.offline) return;
    this.offline = true;
    this.on.offline();
  }

  watch() {
    if (!this.awake) return;
    const now = Date.now();
    const silent = now - Math.max(this.heard, this.since) > SILENCE;
    if (this.channel && !this.leader) {
      if (silent) this.mark();
      if (now - Math.max(this.alive, this.since) > SILENCE) {
        this.since = now;
        this.lead(true);
      }
      return;
    }
    if (this.source && silent) this.fail();
    if (this.channel && this.retryAt) this.channel.postMessage({ kind: "trying" });
    if (this.retryAt && now >= this.retryAt) this.open();
  }

  // retryIn is how many seconds remain until the next attempt; 0 while one is running.
  retryIn() {
    return this.retryAt ? Math.max(1, Math.ceil((this.retryAt - Date.now()) / 1000)) : 0;
  }
}
