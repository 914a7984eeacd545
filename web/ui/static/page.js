// Keeps a page live: values and parts from the stream, ages by the server's clock, and what
// this browser chose to see. Without it the page is complete and stands still.
import { clock, convert, date, quantity, setZone, zoneText } from "./format.js";
import { Stream } from "./stream.js";

const root = document.documentElement;
const byID = (id) => document.getElementById(id);
const all = (selector) => document.querySelectorAll(selector);
const put = (el, text) => {
  if (el && el.textContent !== text) el.textContent = text;
};

// ---- the server's clock ----
// The later of two clocks of the browser: one of them may stand still while a phone sleeps,
// and an age that is too small would show an old value as live.
let base = { server: Number(root.dataset.now), date: Date.now(), ticks: performance.now() };
const sync = (server) => (base = { server, date: Date.now(), ticks: performance.now() });
export const serverNow = () => base.server + Math.max(0, Date.now() - base.date, performance.now() - base.ticks);

// ---- what is known ----
const known = {}; // by signal: value and time, or reason and last value
let scan = 0; // time of the latest poll
let lost = false;
let fresh = 10000; // how old the latest poll may be
let seen = false; // whether the stream has said anything so far
let contact = base.server; // last time that the server was heard, in its own time

const stream = new Stream(root.dataset.stream, { event, offline, online });

// Further parts of a page hear every event too.
const listeners = [];
export const listen = (f) => listeners.push(f);

function event(kind, data) {
  sync(data.time);
  contact = data.time;
  seen = true;
  if (kind !== "beat") {
    if (data.zone !== undefined) {
      setZone(data.zone);
      put(byID("zone"), zoneText(data.zone));
    }
    if (data.scan !== undefined) scan = data.scan;
    if (data.lost !== undefined) lost = data.lost;
    if (data.fresh !== undefined) fresh = data.fresh;
    for (const [name, v] of Object.entries(data.values || {})) {
      known[name] = { ...v, at: v.t === undefined ? 0 : data.time + v.t, was: v.lt === undefined ? 0 : data.time + v.lt };
    }
    for (const [name, html] of Object.entries(data.parts || {})) replace(name, html);
    if (kind === "snapshot") reconcile(data);
  }
  refresh();
  for (const f of listeners) f(kind, data);
}

// replace puts the server's HTML in the place of a part, without closing what a person has
// opened or taking the focus away.
function replace(name, html) {
  const old = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
  if (!old) return again();
  const open = [...old.querySelectorAll("details[open]")].map((d) => d.id);
  const focus = old.contains(document.activeElement) && document.activeElement.closest("[id]");
  old.outerHTML = html;
  const fresh = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
  for (const id of open) {
    const d = byID(id);
    if (d) d.open = true;
  }
  if (focus && byID(focus.id)) (byID(focus.id).querySelector("summary") || byID(focus.id)).focus({ preventScroll: true });
  convert(fresh.parentElement || fresh);
}

// The first reading of a well, another profile or another well change what there is to show,
// not only what it shows: then the page is loaded again.
function reconcile(data) {
  const here = [...all("[data-part]")].map((e) => e.dataset.part);
  const rows = new Set([...all("[data-row]")].map((e) => e.dataset.row));
  if (here.some((name) => !(name in (data.parts || {})))) again();
  if (byID("readings") && Object.keys(data.values || {}).some((name) => !rows.has(name))) again();
}

let going = false;
function again() {
  if (going) return;
  going = true;
  setTimeout(() => location.reload(), Math.max(0, 2000 - performance.now())); // at most every 2 s
}

function offline() {
  root.dataset.conn = "off";
  const at = clock(contact, serverNow(), true);
  put(byID("off-since"), at);
  for (const el of all("[data-asof]")) put(el, at);
  refresh();
}

function online() {
  delete root.dataset.conn;
  refresh();
}

// ---- showing ----
function refresh() {
  const now = serverNow();
  for (const el of all("[data-s]")) value(el, now);
  for (const el of all("[data-was]")) was(el, now);
  for (const box of all("[data-box]")) hatch(box);
  head(now);
  const table = byID("readings");
  if (table && table.open) readings(table, now);
}

function value(el, now) {
  const k = known[el.dataset.s];
  const fresh = !stream.offline && k && k.v !== null && now - k.at <= Number(el.dataset.max || 10000);
  if (k || stream.offline) el.classList.toggle("old", !fresh);
  if (!fresh) return;
  const number = el.querySelector(".nu");
  const inner = number.querySelector(".q") || number.appendChild(Object.assign(document.createElement("span"), { className: "q" }));
  inner.removeAttribute("data-v");
  quantity(inner, k.v, el.dataset.u, el.dataset.d === undefined ? undefined : Number(el.dataset.d));
  const bar = el.closest(".key")?.querySelector(".bar[data-lo]");
  if (!bar) return;
  const share = (100 * (k.v - bar.dataset.lo)) / (bar.dataset.hi - bar.dataset.lo);
  bar.querySelector(".pointer").setAttribute("x", Math.min(100, Math.max(0, share)).toFixed(1) + "%");
}

// was fills the dated tag that stands where a live value is missing.
function was(el, now) {
  const k = known[el.dataset.was];
  const last = k && (k.v !== null ? k.v : k.l);
  if (!k || last === undefined) return;
  const time = clock(k.v !== null ? k.at : k.was, now);
  const unit = document.querySelector(`[data-s="${CSS.escape(el.dataset.was)}"]`).dataset;
  let number = el.querySelector(".q");
  let at = el.querySelector("time .n");
  if (!number || !at) {
    number = Object.assign(document.createElement("span"), { className: "q" });
    const stamp = document.createElement("time");
    at = stamp.appendChild(Object.assign(document.createElement("bdi"), { className: "n" }));
    el.replaceChildren(number, " at ", stamp);
  }
  number.removeAttribute("data-v");
  quantity(number, last, unit.u, unit.d === undefined ? undefined : Number(unit.d));
  put(at, time);
}

function hatch(box) {
  const values = [...box.querySelectorAll("[data-s]")];
  box.classList.toggle("hatch", values.length > 0 && values.every((v) => v.classList.contains("old")));
}

function head(now) {
  put(byID("clock"), clock(now, now));
  put(byID("date"), date(now) + " ");
  if (scan) put(byID("polled"), clock(scan, now, true));
  if (!seen && !stream.offline) return;
  const chip = byID("chip");
  const retry = stream.retryIn();
  let text = "Live";
  let warn = true;
  if (stream.offline) {
    text = clock(contact, now) + " · offline";
    put(byID("off-retry"), retry ? `Trying again in ${retry} s.` : "Trying now.");
  } else if (!scan && root.dataset.stream.includes("well=")) {
    text = "No reading so far";
  } else if (lost) {
    text = "Drive link lost";
  } else if (scan && now - scan > fresh) {
    text = "Not polled";
  } else {
    warn = false;
    if (scan) text = `Live · poll ${Math.max(0, Math.round((now - scan) / 1000))} s`;
  }
  chip.classList.toggle("warn", warn);
  put(byID("chip-text"), text);
}

function readings(table, now) {
  for (const row of table.querySelectorAll("[data-row]")) {
    const k = known[row.dataset.row];
    if (!k) continue;
    const [, at, quality] = row.querySelectorAll("td");
    put(at, k.at ? clock(k.at, now, true) : "never");
    put(quality, k.w || "good");
  }
}

// ---- what this browser chose ----
const store = (key, to) => {
  try {
    localStorage.setItem("wellkeeper." + key, to);
  } catch {
    // storage is off: the choice holds until the page is left
  }
};
let theme = "auto";
try {
  theme = localStorage.getItem("wellkeeper.theme") || "auto";
} catch {
  // as above
}

function choose(key, to) {
  store(key, to);
  if (key === "theme") {
    theme = to;
    dispatchEvent(new Event("wellkeeper-theme"));
    if (to !== "auto") root.dataset.theme = to;
  } else {
    root.dataset.units = to;
    convert(document);
    refresh();
  }
  pressed();
}

function pressed() {
  for (const b of all("[data-set]")) {
    b.setAttribute("aria-pressed", String(b.dataset.to === (b.dataset.set === "theme" ? theme : root.dataset.units)));
  }
  const next = byID("theme-next");
  if (next) next.setAttribute("aria-label", `Theme: ${theme}. Change`);
}

// dress makes new HTML of the server look as this browser chose.
export function dress(scope) {
  convert(scope);
  pressed();
}

document.addEventListener("click", (e) => {
  const b = e.target.closest("[data-set]");
  if (b) choose(b.dataset.set, b.dataset.to);
  if (e.target.closest("#theme-next")) choose("theme", { auto: "light", light: "dark", dark: "auto" }[theme]);
  const link = e.target.closest("a[href^='#']");
  if (link && link.hash === "#finding") {
    const steps = byID("steps");
    if (steps) steps.open = true;
  }
});

dress(document);
setInterval(() => {
  if (document.visibilityState === "visible") refresh();
}, 1000);
stream.start();
