// Draws the curves of the Trends page: panes on one cursor, over the sums that the server
// made. Each piece of time is a mean line with a band from its least to its greatest value,
// so that a swing inside a piece is seen; where there is no record there is no line.
import { group, MONTHS, number, scale, zoneMinutes } from "./format.js";

const DASHES = [[], [7, 4], [2, 3], [11, 3, 3, 3]];
const COLOURS = ["--t1", "--t3", "--t2", "--t4"];
const two = (n) => String(n).padStart(2, "0");

// Model holds the sums of a chart, in stored units, so that newer ones can be added.
export class Model {
  constructor(series) {
    this.width = series.width * 1000;
    this.times = series.times;
    this.curves = series.series.map((s) => ({ ...s, ...flags(s, series.times.length) }));
  }

  // add puts newer sums in the place of the last ones and drops what is before from.
  add(series, from) {
    if (!series.times.length || series.width * 1000 !== this.width) return false;
    const at = this.times.findIndex((t) => t >= series.times[0]);
    const keep = at < 0 ? this.times.length : at;
    const drop = this.times.slice(0, keep).filter((t) => t + this.width < from).length;
    const join = (a, b) => a.slice(drop, keep).concat(b);
    this.times = join(this.times, series.times);
    series.series.forEach((s, i) => {
      const c = this.curves[i];
      const f = flags(s, series.times.length);
      for (const k of ["min", "max", "mean"]) c[k] = join(c[k], s[k]);
      for (const k of ["gap", "left"]) c[k] = join(c[k], f[k]);
    });
    return true;
  }

  // piece is the position of the piece that holds a moment; -1: none.
  piece(ms) {
    const i = Math.floor((ms - this.times[0]) / this.width);
    return i >= 0 && i < this.times.length ? i : -1;
  }
}

// flags tells of each piece whether its record is missing, and how many values it leaves out.
function flags(s, n) {
  const gap = new Array(n).fill(false);
  const left = new Array(n).fill(0);
  for (const [a, b] of s.gaps) gap.fill(true, a, b + 1);
  for (const [i, k] of s.doubtful) left[i] += k;
  return { gap, left };
}

// Charts are the panes of one page.
export class Charts {
  // on.cursor(i) tells the piece under the cursor, null when it leaves; on.select(from, to)
  // a stretch that was drawn over, in ms.
  constructor(doc, model, boxes, on) {
    Object.assign(this, { doc, model, boxes, on, from: doc.from, to: doc.to, at: null });
    this.build();
    this.watch = new ResizeObserver(() => this.resize());
    this.watch.observe(boxes[0].parentElement);
  }

  destroy() {
    this.watch.disconnect();
    for (const u of this.plots) u.destroy();
  }

  // build draws everything anew: colours, units or the model itself have changed.
  build() {
    for (const u of this.plots || []) u.destroy();
    const look = getComputedStyle(document.documentElement);
    this.css = (name) => look.getPropertyValue(name).trim();
    this.key = uPlot.sync("trends" + Math.random());
    this.plots = this.doc.panes.map((pane, i) => new uPlot(this.options(pane, i), this.data(pane), this.boxes[i]));
    this.touch();
    if (this.at !== null) this.moveTo(this.at);
  }

  update() {
    this.plots.forEach((u, i) => u.setData(this.data(this.doc.panes[i])));
    if (this.at !== null) this.moveTo(this.at);
  }

  window(from, to) {
    this.from = from;
    this.to = to;
  }

  resize() {
    this.plots.forEach((u, i) => {
      const { clientWidth: width, clientHeight: height } = this.boxes[i];
      if (width && (width !== u.width || height !== u.height)) u.setSize({ width, height });
    });
  }

  // x is a moment on the axis: site time, as if it were UTC.
  x(ms) {
    return (ms + zoneMinutes() * 60000) / 1000;
  }

  ms(x) {
    return x * 1000 - zoneMinutes() * 60000;
  }

  data(pane) {
    const { times, width, curves } = this.model;
    const out = [times.map((t) => this.x(t + width / 2))];
    for (const c of pane.curves) {
      const { to } = scale(c.key);
      const s = curves[c.series];
      // undefined joins its neighbours: nothing was due there; null breaks the line.
      if (this.doc.ghost) out.push(this.ghost(c).map((v) => (v === null || v === undefined ? v : to(v))));
      for (const k of ["max", "min", "mean"]) out.push(s[k].map((v, i) => (v === null ? (s.gap[i] ? null : undefined) : to(v))));
    }
    return out;
  }

  // ghost are the values of the earlier time at the pieces of this one.
  ghost(c) {
    const { start, curves } = this.doc.ghost;
    const { mean, gaps } = curves[c.series];
    const { times, width } = this.model;
    return times.map((t) => {
      const k = Math.round((t - start) / width);
      if (!(k >= 0 && k < mean.length)) return null;
      if (mean[k] === null) return gaps.some(([a, b]) => k >= a && k <= b) ? null : undefined;
      return mean[k];
    });
  }

  options(pane, i) {
    const box = this.boxes[i];
    const last = i === this.doc.panes.length - 1;
    const timed = last || i === 0; // times stand above the first pane and below the last
    const wide = innerWidth >= 1000;
    const font = `600 12px ${this.css("--font")}`;
    const line = this.css("--line");
    const side = (right) => pane.curves.findIndex((c) => !!c.right === right);
    const axis = (right) => {
      const k = side(right);
      const shown = k >= 0;
      return {
        scale: shown ? (right ? "r" : "l") : "l", side: right ? 1 : 3, size: wide ? 56 : 46, font, gap: 4, space: 30,
        stroke: shown ? this.css(COLOURS[k]) : "transparent",
        grid: { show: !right, stroke: line, width: 1 }, ticks: { show: false },
        values: (u, splits) => splits.map((v) => (shown ? label(v, splits) : "")),
      };
    };
    const series = [{}];
    const bands = [];
    pane.curves.forEach((c, k) => {
      const on = c.right ? "r" : "l";
      const colour = this.css(COLOURS[k]);
      if (this.doc.ghost) series.push({ scale: on, stroke: colour + "b0", width: 1, points: { show: false }, spanGaps: false });
      const n = series.length;
      const edge = { scale: on, points: { show: false }, spanGaps: false };
      series.push(edge, { ...edge }, {
        scale: on, stroke: colour, width: 2, dash: DASHES[k], spanGaps: false,
        points: { show: true, size: 5, fill: colour, stroke: colour, filter: (u, s) => alone(u.data[s]) },
      });
      bands.push({ series: [n, n + 1], fill: colour + "70" });
    });
    return {
      width: box.clientWidth || 300, height: box.clientHeight || 120, legend: { show: false }, padding: [6, 0, 0, 0],
      tzDate: (s) => uPlot.tzDate(new Date(s * 1e3), "Etc/UTC"),
      cursor: {
        sync: { key: this.key.key, setSeries: false }, drag: { x: true, y: false, setScale: false, dist: 8 },
        points: { show: (u, k) => (u.series[k].dash ? point(u, k) : false) },
      },
      scales: {
        x: { time: true, range: () => [this.x(this.from), this.x(this.to)] },
        l: { range: (u, lo, hi) => this.range(pane, false, lo, hi) },
        r: { range: (u, lo, hi) => this.range(pane, true, lo, hi) },
      },
      axes: [
        {
          stroke: this.css("--ink-2"), font, space: wide ? 90 : 64, size: timed ? 24 : 4, gap: 4, side: i === 0 && !last ? 0 : 2,
          grid: { stroke: line, width: 1 }, ticks: { show: timed, stroke: line, size: 4 },
          values: (u, splits, a, space, step) => splits.map((s) => (timed ? timeLabel(s, step) : "")),
        },
        axis(false),
        axis(true),
      ],
      series, bands,
      hooks: {
        drawClear: [(u) => this.under(u, pane)], draw: [(u) => this.over(u, pane), () => i || this.on.drawn()],
        setCursor: [(u) => this.cursor(u)], setSelect: [(u) => this.selected(u)],
      },
    };
  }

  // range is the span of an axis: all values, and the limits that are not far from them.
  range(pane, right, lo, hi) {
    if (lo === null || lo === undefined) return [0, 1];
    // Noise is not blown up to fill the pane.
    let least = Math.max(Math.abs(lo), Math.abs(hi)) * 0.02;
    for (const c of pane.curves) if (!!c.right === right) least = Math.max(least, Math.abs(scale(c.key).to(c.least) - scale(c.key).to(0)));
    const data = [lo, hi];
    for (const c of pane.curves) {
      if (!!c.right !== right) continue;
      for (const l of c.limits || []) {
        const v = scale(c.key).to(l.value);
        const far = Math.max(data[1] - data[0], least);
        if (v < lo && data[0] - v < far) lo = v;
        if (v > hi && v - data[1] < far) hi = v;
      }
    }
    if (hi - lo < least) [lo, hi] = [(lo + hi - least) / 2, (lo + hi + least) / 2];
    const pad = (hi - lo) * 0.08;
    return [lo - pad, hi + pad];
  }

  // ---- under the curves: where there is no record, and what is usual ----
  under(u, pane) {
    const { ctx } = u;
    const { left, top, width, height } = u.bbox;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    for (const [a, b] of this.missing(pane)) {
      const x0 = u.valToPos(this.x(a), "x", true);
      const x1 = u.valToPos(this.x(b), "x", true);
      this.hatch(ctx, x0, top, Math.max(x1 - x0, 2), height);
    }
    for (const c of pane.curves) {
      if (!c.usual) continue;
      const { to } = scale(c.key);
      const [y0, y1] = c.usual.map((v) => u.valToPos(to(v), c.right ? "r" : "l", true));
      const w = 5 * devicePixelRatio;
      ctx.fillStyle = this.css("--band");
      ctx.fillRect(c.right ? left + width - w : left, Math.min(y0, y1), w, Math.abs(y1 - y0));
    }
    ctx.restore();
  }

  // missing are the stretches without any record of the pane, and what has passed since the
  // last one: the present is never drawn over lost data.
  missing(pane) {
    const { times, width, curves } = this.model;
    const out = [];
    const empty = (i) => pane.curves.every((c) => curves[c.series].gap[i]);
    for (let i = 0; i < times.length; i++) {
      if (!empty(i)) continue;
      let end = i;
      while (end < times.length && empty(end)) end++;
      out.push([times[i], Math.min(this.to, times[end - 1] + width)]);
      i = end;
    }
    const last = this.last();
    if (this.doc.live && last && this.to - last > this.doc.fresh) out.push([last, this.to]);
    return out;
  }

  last() {
    return this.newest || 0;
  }

  hatch(ctx, x, y, w, h) {
    const step = 8 * devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(x, y, w, h);
    ctx.clip();
    ctx.fillStyle = this.css("--inset");
    ctx.fillRect(x, y, w, h);
    ctx.strokeStyle = this.css("--line");
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    for (let k = Math.floor((x - h) / step) * step; k < x + w; k += step) {
      ctx.moveTo(k, y + h);
      ctx.lineTo(k + h, y);
    }
    ctx.stroke();
    ctx.restore();
  }

  // ---- over the curves: what happened, limits, values that are not trusted ----
  over(u, pane) {
    const { ctx } = u;
    const { left, top, width, height } = u.bbox;
    const d = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    for (const n of this.doc.notes) {
      const x = u.valToPos(this.x(n.at), "x", true);
      ctx.strokeStyle = this.css(n.mark ? "--p" + n.mark : "--edge");
      ctx.lineWidth = (n.mark && n.mark < 3 ? 2.5 : 1.5) * d;
      ctx.setLineDash(n.mark ? [] : [3 * d, 3 * d]);
      stroke(ctx, x, top, x, top + height);
    }
    for (const c of pane.curves) for (const l of c.limits || []) this.limit(u, c, l, pane);
    this.untrusted(u, pane);
    const last = this.last();
    if (this.doc.live && last && this.to - last > this.doc.fresh) {
      ctx.strokeStyle = this.css("--ink");
      ctx.lineWidth = 2 * d;
      ctx.setLineDash([]);
      const x = u.valToPos(this.x(last), "x", true);
      stroke(ctx, x, top, x, top + height);
    }
    ctx.restore();
  }

  limit(u, c, l, pane) {
    const { ctx } = u;
    const { left, top, width, height } = u.bbox;
    const d = devicePixelRatio;
    const y = u.valToPos(scale(c.key).to(l.value), c.right ? "r" : "l", true);
    if (!(y >= top && y <= top + height)) return;
    ctx.strokeStyle = this.css("--limit");
    ctx.lineWidth = 1.5 * d;
    ctx.setLineDash([2 * d, 3 * d]);
    stroke(ctx, left, y, left + width, y);
    const name = pane.curves.length > 1 ? (c.short || this.model.curves[c.series].label) + " " : "";
    const text = `${name}${l.high ? "high" : "low"} limit ${number(l.value, c.key, c.digits)[0].replace(/\.0+$/, "")}`;
    ctx.font = `600 ${11.5 * d}px ${this.css("--font")}`;
    ctx.textAlign = c.right ? "right" : "left";
    const x = c.right ? left + width - 10 * d : left + 10 * d;
    const above = y - top > 16 * d;
    const w = ctx.measureText(text).width;
    ctx.fillStyle = this.css("--surface");
    ctx.globalAlpha = 0.8;
    ctx.fillRect(c.right ? x - w - 2 * d : x - 2 * d, above ? y - 15 * d : y + 3 * d, w + 4 * d, 13 * d);
    ctx.globalAlpha = 1;
    ctx.fillStyle = this.css("--ink-2");
    ctx.fillText(text, x, above ? y - 5 * d : y + 13 * d);
  }

  untrusted(u, pane) {
    const { ctx } = u;
    const { top, height } = u.bbox;
    const d = devicePixelRatio;
    const { times, width, curves } = this.model;
    ctx.fillStyle = this.css("--ink");
    times.forEach((t, i) => {
      if (!pane.curves.some((c) => curves[c.series].left[i])) return;
      ctx.fillRect(u.valToPos(this.x(t + width / 2), "x", true) - 1.5 * d, top + height - 5 * d, 3 * d, 3 * d);
    });
  }

  // ---- the cursor ----
  cursor(u) {
    if (u !== this.plots?.[0]) return;
    const { left, idx } = u.cursor;
    const on = left >= 0 && idx !== null && idx !== undefined;
    if (!on) {
      this.at = null;
      return this.on.cursor(null);
    }
    const ms = this.ms(u.posToVal(left, "x"));
    this.at = ms;
    this.on.cursor(this.model.piece(ms));
  }

  // moveTo puts the cursor on a moment; null takes it away.
  moveTo(ms) {
    const u = this.plots[0];
    const left = ms === null ? -10 : u.valToPos(this.x(ms), "x");
    u.setCursor({ left, top: ms === null ? -10 : 10 }, true, true);
  }

  selected(u) {
    const { left, width } = u.select;
    if (width < 8) return;
    const from = this.ms(u.posToVal(left, "x"));
    const to = this.ms(u.posToVal(left + width, "x"));
    for (const p of this.plots) p.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.on.select(from, to);
  }

  // touch: one finger moves the cursor; up and down stays the page's (touch-action: pan-y).
  touch() {
    for (const u of this.plots) {
      const move = (e) => {
        if (e.pointerType === "mouse") return;
        const r = u.over.getBoundingClientRect();
        u.setCursor({ left: Math.min(r.width, Math.max(0, e.clientX - r.left)), top: 10 }, true, true);
      };
      u.over.addEventListener("pointerdown", move);
      u.over.addEventListener("pointermove", move);
    }
  }

  // place gives where a moment stands, in CSS px from the left of the panes; null: outside.
  place(ms) {
    const u = this.plots[0];
    if (!u || ms < this.from || ms > this.to) return null;
    return u.over.offsetLeft + u.valToPos(this.x(ms), "x");
  }
}

function stroke(ctx, x0, y0, x1, y1) {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

// alone are the values without a neighbour, which no line would show.
function alone(values) {
  const out = [];
  for (let i = 0; i < values.length; i++) {
    if (values[i] == null) continue;
    let a = i - 1;
    while (a >= 0 && values[a] === undefined) a--;
    let b = i + 1;
    while (b < values.length && values[b] === undefined) b++;
    if ((a < 0 || values[a] === null) && (b >= values.length || values[b] === null)) out.push(i);
  }
  return out;
}

function point(u, k) {
  const e = document.createElement("div");
  e.className = "u-cursor-pt";
  e.style.width = e.style.height = "9px";
  e.style.background = u.series[k].stroke();
  return e;
}

// label writes a tick with as many decimals as its neighbours need.
function label(v, splits) {
  const step = splits.length > 1 ? Math.abs(splits[1] - splits[0]) : 1;
  return group(v.toFixed(step >= 1 ? 0 : Math.min(4, Math.ceil(-Math.log10(step) - 1e-9))));
}

function timeLabel(s, step) {
  const t = new Date(s * 1000);
  const midnight = t.getUTCHours() + t.getUTCMinutes() + t.getUTCSeconds() === 0;
  if (step >= 86400 || midnight) return t.getUTCDate() + " " + MONTHS[t.getUTCMonth()];
  return two(t.getUTCHours()) + ":" + two(t.getUTCMinutes()) + (step < 60 ? ":" + two(t.getUTCSeconds()) : "");
}
