// The Trends page beyond what the server renders: draws the curves, reads them under the
// cursor, follows the present, and goes to another window without losing the old picture
// before the new one is there. Every window is a real address, with the same links.
import { Charts, Model } from "./chart.js";
import { clock, isolated, MONTHS, number, zoneMinutes } from "./format.js";
import { dress, listen, serverNow } from "./page.js";

const root = document.documentElement;
const byID = (id) => document.getElementById(id);
const PATIENCE = 20000; // ms to wait for an answer
const NOTES_EVERY = 60000; // ms between looks at what happened; for long ranges a piece of them

let doc; // what the server gave
let model;
let charts;
let newest = 0; // time of the newest reading that may be shown
const live = new Map(); // by signal: its newest value and when that was read

function start() {
  if (charts) charts.destroy();
  charts = null;
  doc = JSON.parse(byID("chart").textContent);
  model = new Model(doc.series);
  newest = doc.last;
  for (const c of model.curves) newest = Math.max(newest, live.get(c.signal)?.at || 0);
  const boxes = [...document.querySelectorAll(".plot")];
  links();
  if (!boxes.length) return;
  charts = new Charts(doc, model, boxes, { cursor: read, select: (from, to) => go(address(from, to), true), drawn: lane });
  charts.newest = newest;
  read(null);
  slider();
}

// ---- reading off ----
function read(i) {
  const when = byID("when");
  const none = i === null || i < 0;
  if (when) {
    const text = none ? when.dataset.window : "At " + clock(model.times[i], serverNow(), model.width < 60000);
    when.replaceChildren(isolated("n", text));
  }
  for (const pane of doc.panes) {
    for (const c of pane.curves) {
      const el = document.querySelector(`[data-read="${CSS.escape(model.curves[c.series].signal)}"]`);
      if (el) el.replaceChildren(...(none ? present(c) : value(c, i)));
    }
  }
  const panes = byID("panes");
  if (!none && panes) panes.setAttribute("aria-valuetext", spoken(i));
}

// present is what stands there without a cursor: the live value, or where there is none the
// last of the window, said to be that.
function present(c) {
  const s = model.curves[c.series];
  const l = live.get(s.signal);
  if (doc.live && l && serverNow() - l.at <= doc.fresh && root.dataset.conn !== "off") return shown(l.v, l.v, c);
  let i = s.mean.length - 1;
  while (i >= 0 && s.mean[i] === null) i--;
  if (i < 0) return [isolated("n", "—"), " no record"];
  const small = document.createElement("small");
  small.textContent = "last";
  return [small, " ", ...shown(s.min[i], s.max[i], c), " at ", isolated("n", clock(model.times[i], serverNow()))];
}

function value(c, i) {
  const s = model.curves[c.series];
  let k = i;
  while (k > 0 && s.mean[k] === null && !s.gap[k]) k--; // nothing was due there
  const out = s.mean[k] === null ? [isolated("n", "—"), " no record"] : shown(s.min[k], s.max[k], c);
  if (s.left[i]) out.push(` · ${s.left[i]} not trusted`);
  if (doc.ghost) {
    const g = charts.ghost(c)[i];
    const small = document.createElement("small");
    small.append(` ${doc.ghost.label}: `, isolated("n", g === null || g === undefined ? "—" : number(g, c.key, c.digits)[0]));
    out.push(small);
  }
  return out;
}

// shown is a number, or from least to greatest where these look different.
function shown(least, greatest, c) {
  const [lo, symbol] = number(least, c.key, c.digits);
  const [hi] = number(greatest, c.key, c.digits);
  const out = [isolated("n", lo === hi ? lo : `${lo} – ${hi}`)];
  if (symbol) out.push("\u2009", isolated("u", symbol));
  return out;
}

function spoken(i) {
  const parts = [clock(model.times[i], serverNow(), model.width < 60000)];
  for (const el of document.querySelectorAll("[data-read]")) {
    parts.push(el.parentElement.querySelector(".nm").textContent + " " + el.textContent);
  }
  return parts.join(", ");
}

// ---- what happened, above the panes ----
// Signs that would touch become one, the most urgent of them, with how many there are.
function lane() {
  const box = byID("lane");
  if (!box || !charts) return;
  const signs = [...document.querySelectorAll(".notes [data-at]")];
  const groups = [];
  const places = signs.map((el, i) => ({ el, x: charts.place(Number(el.dataset.at)), mark: doc.notes[i]?.mark || 9 }));
  for (const p of places.filter((p) => p.x !== null).sort((a, b) => a.x - b.x)) {
    const last = groups[groups.length - 1];
    if (last && p.x - last.x < 30) {
      last.n++;
      if (p.mark < last.mark) Object.assign(last, { el: p.el, mark: p.mark });
    } else {
      groups.push({ ...p, n: 1 });
    }
  }
  box.replaceChildren(
    ...groups.map((g) => {
      const e = document.createElement("span");
      e.append(g.el.firstElementChild.cloneNode(true));
      if (g.n > 1) e.append(isolated("n", "+" + (g.n - 1)));
      e.style.left = g.x + "px";
      return e;
    }),
  );
}

// ---- the keyboard: the panes are a slider over time ----
function slider() {
  const panes = byID("panes");
  panes.tabIndex = 0;
  panes.setAttribute("role", "slider");
  panes.setAttribute("aria-label", "Time cursor over the curves");
  panes.setAttribute("aria-valuemin", doc.from);
  panes.setAttribute("aria-valuemax", doc.to);
  panes.setAttribute("aria-valuenow", doc.to);
  panes.addEventListener("keydown", key);
}

function key(e) {
  const step = model.width * (e.shiftKey ? 10 : 1);
  const now = charts.at ?? Math.min(charts.to, newest || charts.to);
  const moves = { ArrowLeft: now - step, ArrowRight: now + step, Home: charts.from, End: Math.min(charts.to, newest || charts.to) };
  const presses = { "+": "closer", "=": "closer", "-": "farther", PageUp: "earlier", PageDown: "later" };
  if (e.key in moves) {
    const ms = Math.min(charts.to, Math.max(charts.from, moves[e.key]));
    charts.moveTo(ms);
    byID("panes").setAttribute("aria-valuenow", Math.round(ms));
  } else if (e.key in presses) {
    document.querySelector(`[data-nav="${presses[e.key]}"]`)?.click();
  } else if (e.key === "Escape") {
    charts.moveTo(null);
  } else {
    return;
  }
  e.preventDefault();
}

// ---- going to another window ----
const iso = (ms) => new Date(ms).toISOString().slice(0, 19) + "Z";

// address is this page with other ends.
function address(from, to) {
  const url = new URL(location.href);
  url.searchParams.delete("range");
  const least = 10000;
  const mid = (from + to) / 2;
  if (to - from < least) [from, to] = [mid - least, mid + least];
  url.searchParams.set("from", iso(from));
  url.searchParams.set("to", iso(to));
  return tidy(url);
}

const tidy = (url) => url.pathname + url.search.replace(/%2C/g, ",").replace(/%3A/g, ":") + url.hash;

let under = null; // the request under way
let going = 0; // how many of them take a person somewhere
let here = location.pathname + location.search; // what is shown

// fetched is the page of another window, as a document. It throws what a person is told.
async function fetched(url) {
  under?.abort();
  const mine = (under = new AbortController());
  const timer = setTimeout(() => mine.abort("late"), PATIENCE);
  try {
    const answer = await fetch(url, { signal: mine.signal, headers: { Accept: "text/html" } });
    const html = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok) throw new Error(html.querySelector("main p")?.textContent || `the box answered ${answer.status}`);
    if (!html.querySelector("#chart")) throw new Error("the box gave another page");
    return html;
  } catch (e) {
    if (mine !== under) return null; // another request took its place
    if (mine.signal.reason === "late") throw new Error(`no answer in ${PATIENCE / 1000} s`);
    if (e instanceof TypeError) throw new Error("the box cannot be reached");
    throw e;
  } finally {
    clearTimeout(timer);
  }
}

async function go(url, push) {
  const waiting = setTimeout(() => say("Loading. The curves are still those of before."), 500);
  going++;
  try {
    const html = await fetched(url);
    if (!html) return;
    if (push) history.pushState(null, "", url);
    here = location.pathname + location.search;
    swap(html);
  } catch (e) {
    say(`Not loaded: ${e.message}. The curves are still those of before.`, true);
  } finally {
    going--;
    clearTimeout(waiting);
  }
}

// swap puts the main part of another page in the place of this one's.
function swap(html) {
  const focus = document.activeElement?.closest("[data-nav], .panes");
  const name = focus?.dataset.nav;
  const label = focus?.textContent;
  byID("m").replaceChildren(...html.querySelector("#m").childNodes);
  dress(byID("m"));
  start();
  if (!focus) return;
  const same = name === undefined ? byID("panes") : [...document.querySelectorAll("[data-nav]")].find((a) => (name ? a.dataset.nav === name : a.textContent === label));
  same?.focus({ preventScroll: true });
}

function say(text, warn) {
  const el = byID("say");
  if (!el) return;
  el.hidden = !text;
  el.textContent = text || "";
  el.classList.toggle("warn", !!warn);
}

// links completes what the server could not know: the units of this browser, and that one
// zooms in where the cursor stands.
function links() {
  for (const a of document.querySelectorAll("a[download]")) {
    const url = new URL(a.href);
    url.searchParams.set("units", root.dataset.units);
    a.href = tidy(url);
  }
}

document.addEventListener("click", (e) => {
  if (e.target.closest("a[href='#choose']")) byID("choose").open = true;
  const a = e.target.closest("a[data-nav]");
  if (!a || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
  e.preventDefault();
  let url = a.getAttribute("href");
  if (a.dataset.nav === "closer" && charts?.at) {
    const quarter = (charts.to - charts.from) / 4;
    url = address(charts.at - quarter, charts.at + quarter);
  }
  if (a.dataset.at) scrollTo({ top: 0 });
  go(url, true);
});

document.addEventListener("submit", (e) => {
  if (!e.target.matches("[data-form]")) return;
  e.preventDefault();
  const url = new URL(location.pathname, location.href);
  const form = new FormData(e.target);
  const signals = form.getAll("signals").join(",");
  for (const [name, v] of form) if (name !== "signals") url.searchParams.set(name, v);
  if (signals) url.searchParams.set("signals", signals);
  scrollTo({ top: 0 });
  go(tidy(url), true);
});

addEventListener("popstate", () => {
  const to = location.pathname + location.search;
  if (to !== here) go(to, false); // else it is only another place on this page
});

// ---- the present ----
let asked = 0; // when newer sums were last asked for
let looked = Date.now(); // when what happened was last looked at
let asking = false;

listen((kind, data) => {
  for (const [name, v] of Object.entries(data.values || {})) if (v.v !== null && v.t !== undefined) live.set(name, { v: v.v, at: data.time + v.t });
  if (kind === "beat" || !doc) return;
  if (!doc.panes.length && !going && Object.keys(data.values || {}).length) go(location.pathname + location.search, false);
  for (const c of model.curves) newest = Math.max(newest, live.get(c.signal)?.at || 0);
  if (charts) charts.newest = newest;
  if ("parts" in data && kind === "change" && "count" in data.parts) looked = 0; // an alarm came or went
});

function tick() {
  if (!doc || !charts || !doc.live || document.visibilityState !== "visible") return;
  const now = serverNow();
  const span = doc.to - doc.from;
  const step = span / Math.max(200, charts.plots[0].over.clientWidth);
  if (now - charts.to >= step || (newest && now - newest > doc.fresh)) {
    charts.window(now - span, now);
    byID("when").dataset.window = windowText(charts.from, charts.to);
    charts.update();
  }
  edge(now);
  if (charts.at === null) read(null);
  if (root.dataset.conn === "off") return;
  if (!asking && Date.now() - asked >= Math.max(2000, model.width / 2)) tail(now);
  if (!going && Date.now() - looked >= Math.max(NOTES_EVERY, model.width)) happened();
}

// windowText is the window as the server writes it.
function windowText(from, to) {
  const part = (ms, day) => {
    const t = new Date(ms + zoneMinutes() * 60000);
    const time = t.toISOString().slice(11, 16);
    return day ? `${t.getUTCDate()} ${MONTHS[t.getUTCMonth()]} ${time}` : time;
  };
  const day = (ms) => Math.floor((ms + zoneMinutes() * 60000) / 86400000);
  return `${part(from, true)} – ${part(to, day(from) !== day(to))}`;
}

// edge says of when the newest reading is, and warns when that is not the present.
function edge(now) {
  const el = byID("edge");
  if (!el || !newest) return;
  const old = now - newest > doc.fresh || root.dataset.conn === "off";
  el.replaceChildren("Last reading ", isolated("n", clock(newest, now, true)), old ? ", nothing since" : "");
  el.classList.toggle("warn", old);
}

// tail asks for the sums since shortly before the newest ones.
async function tail(now) {
  asking = true;
  asked = Date.now();
  const mine = doc;
  const last = model.times[model.times.length - 1] ?? now;
  const from = Math.max(doc.from, last - Math.max(20 * model.width, 3 * doc.fresh));
  try {
    const answer = await fetch(`${doc.source}&from=${Math.floor(from)}&to=${Math.ceil(now)}`, { signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(`the box answered ${answer.status}`);
    const series = await answer.json();
    if (mine !== doc) return;
    model.add(series, charts.from);
    charts.update();
    if (byID("say")?.dataset.tail) say("");
  } catch {
    if (mine !== doc || root.dataset.conn === "off") return;
    say("Newer readings could not be loaded; the curves end before the present.", true);
    byID("say").dataset.tail = "1";
  } finally {
    asking = false;
  }
}

// happened renews the lists under the curves.
async function happened() {
  looked = Date.now();
  try {
    const mine = doc;
    const html = await fetched(location.pathname + location.search);
    if (!html || mine !== doc) return;
    const fresh = JSON.parse(html.getElementById("chart").textContent);
    doc.notes = fresh.notes;
    for (const el of document.querySelectorAll("[data-swap]")) {
      if (el.contains(document.activeElement)) continue;
      const next = html.getElementById(el.id);
      if (next) el.replaceWith(next);
    }
    dress(byID("m"));
    links();
    charts.update();
  } catch {
    // the next look will tell; the curves say themselves when they stand still
  }
}

new MutationObserver(() => {
  links();
  if (!charts) return;
  charts.build();
  if (charts.at === null) read(null);
}).observe(root, { attributes: true, attributeFilter: ["data-theme", "data-units"] });

start();
setInterval(tick, 1000);
