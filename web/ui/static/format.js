// Numbers, units and times as they are shown. The table of units comes from the server,
// which renders by the same one.
const root = document.documentElement;
const table = JSON.parse(document.body.dataset.table);

// scale gives how a stored unit is shown here: its symbol and the map to it.
export function scale(key) {
  const row = table[key];
  if (!row) return { symbol: key, to: (v) => v };
  const [symbol, mul, div, offset] = row[root.dataset.units === "si" ? 1 : 0];
  return { symbol, to: (v) => (v * mul) / div + offset };
}

// number gives [text, symbol] of a value in its stored unit.
export function number(value, key, digits) {
  const row = table[key];
  if (!row) return [group(value.toFixed(digits ?? [0, 1, 2][magnitude(value)])), key];
  const [symbol, mul, div, offset, ...decimals] = row[root.dataset.units === "si" ? 1 : 0];
  const v = (value * mul) / div + offset;
  return [group(v.toFixed(digits ?? decimals[magnitude(v)])), symbol];
}

const magnitude = (v) => (Math.abs(v) >= 100 ? 0 : Math.abs(v) >= 10 ? 1 : 2);

export function group(text) {
  const negative = text.startsWith("-");
  const [whole, fraction] = text.replace("-", "").split(".");
  const out = whole.replace(/\B(?=(\d{3})+$)/g, ",") + (fraction ? "." + fraction : "");
  return negative && /[1-9]/.test(out) ? "−" + out : out;
}

export const isolated = (cls, text) => {
  const e = document.createElement("bdi");
  e.className = cls;
  e.textContent = text;
  return e;
};

// quantity fills an element with a number and its unit.
export function quantity(el, value, key, digits) {
  const [text, symbol] = number(value, key, digits);
  const n = el.querySelector(".n");
  const u = el.querySelector(".u");
  if (n && (u ? u.textContent === symbol : !symbol)) {
    if (n.textContent !== text) n.textContent = text;
    return;
  }
  el.replaceChildren(isolated("n", text));
  if (symbol) el.append("\u2009", isolated("u", symbol));
}

// convert shows again, in the units of this browser, what the server rendered in its own.
export function convert(scope) {
  for (const el of scope.querySelectorAll(".q[data-v]")) {
    const { v, u, d, f } = el.dataset;
    const digits = d === undefined ? undefined : Number(d);
    if (!f) {
      quantity(el, Number(v), u, digits);
      continue;
    }
    const [whole, symbol] = number(Number(v), u, digits);
    const text = f === "u" ? symbol : whole.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
    (el.querySelector(".n") || el).textContent = text;
  }
}

export const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
let zone = Number(root.dataset.zone);
export const setZone = (minutes) => (zone = minutes);
export const zoneMinutes = () => zone;

// clock shows a moment (ms since 1970) in site time; with its date when that is not today's.
export function clock(ms, today, seconds) {
  const site = (t) => new Date(t + zone * 60000);
  const two = (n) => String(n).padStart(2, "0");
  const t = site(ms);
  const text = two(t.getUTCHours()) + ":" + two(t.getUTCMinutes()) + (seconds ? ":" + two(t.getUTCSeconds()) : "");
  if (t.toISOString().slice(0, 10) === site(today).toISOString().slice(0, 10)) return text;
  return t.getUTCDate() + " " + MONTHS[t.getUTCMonth()] + " " + text;
}

// date is the day of a moment in site time.
export function date(ms) {
  const t = new Date(ms + zone * 60000);
  return `${t.getUTCDate()} ${MONTHS[t.getUTCMonth()]} ${t.getUTCFullYear()}`;
}

export function zoneText(minutes) {
  if (minutes === 0) return "UTC";
  const m = Math.abs(minutes);
  return "UTC" + (minutes < 0 ? "−" : "+") + Math.floor(m / 60) + (m % 60 ? ":" + String(m % 60).padStart(2, "0") : "");
}
