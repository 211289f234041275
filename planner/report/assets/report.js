// Draws the timeline of a report: planned above measured on one axis, utilisation below. No framework, no network.
// Text from outside reaches the page through textContent and fillText only.

const root = document.documentElement;
const problems = [];
const problem = (text) => { problems.push(String(text)); root.dataset.errors = JSON.stringify(problems); };
root.dataset.errors = "[]";
addEventListener("error", (event) => problem(event.message));
addEventListener("unhandledrejection", (event) => problem(event.reason));
document.addEventListener("securitypolicyviolation", (event) => problem(`refused: ${event.violatedDirective} ${event.blockedURI}`));

// ---- data -------------------------------------------------------------------------------------------------------

const DONE = 1, FAILED = 2, NOT_RUN = 3;
const TYPES = { f8: Float64Array, f4: Float32Array, i4: Int32Array, i1: Int8Array };
const data = JSON.parse(document.getElementById("data").textContent);
const columns = Object.fromEntries(Object.entries(data.columns).map(([name, [type, text]]) => {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return [name, new TYPES[type](bytes.buffer)];
}));
const { kind, status, pred_ptr, pred, succ_ptr, succ } = columns;
const n = data.ids.length, lanes = data.executors.length;
const chartOf = (name, title) => ({
  name, title, start: columns[`${name}_start`], finish: columns[`${name}_finish`],
  lane: columns[`${name}_lane`], order: columns[`${name}_order`], ptr: columns[`${name}_ptr`],
});
const charts = [chartOf("planned", "Planned (predicted times)")];
if (columns.measured_start) charts.push(chartOf("measured", "Measured"));

// Time spent by all slots together up to any moment, so that the mean over a pixel is one subtraction.
function integral(chart, from, to) {
  const starts = [], finishes = [];
  for (let i = chart.ptr[0]; i < n; i++) {
    const task = chart.order[i], a = from(task), b = to(task);
    if (b > a) { starts.push(a); finishes.push(b); }
  }
  const s = Float64Array.from(starts).sort(), f = Float64Array.from(finishes).sort();
  const time = new Float64Array(2 * s.length + 1), sum = new Float64Array(time.length), level = new Float64Array(time.length);
  time[0] = Math.min(0, s[0] ?? 0);
  for (let k = 1, i = 0, j = 0; k < time.length; k++) {
    const up = i < s.length && s[i] <= f[j];
    time[k] = up ? s[i++] : f[j++];
    sum[k] = sum[k - 1] + level[k - 1] * (time[k] - time[k - 1]);
    level[k] = level[k - 1] + (up ? 1 : -1);
  }
  return (t) => {
    const k = Math.max(0, firstIndex(0, time.length, (i) => time[i] > t) - 1);
    return t < time[0] ? 0 : sum[k] + level[k] * (t - time[k]);
  };
}
function firstIndex(low, high, holds) {
  while (low < high) { const middle = (low + high) >> 1; if (holds(middle)) high = middle; else low = middle + 1; }
  return low;
}
for (const chart of charts) chart.busy = integral(chart, (i) => chart.start[i], (i) => chart.finish[i]);
const measured = charts[1];
if (measured) measured.waiting = integral(measured, (i) => measured.start[i] - (columns.wait_us[i] || 0), (i) => measured.start[i]);

// ---- words ------------------------------------------------------------------------------------------------------

const significant = (x, digits = 4) => String(Number(x.toPrecision(digits)));
function seconds(us) {
  const size = Math.abs(us), sign = us < 0 ? "−" : "";
  if (Number.isNaN(us)) return "–";
  if (size < 1e3) return size ? `${sign}${significant(size)} us` : "0 s";
  if (size < 1e6) return `${sign}${significant(size / 1e3)} ms`;
  if (size < 120e6) return `${sign}${significant(size / 1e6)} s`;
  const [count, big, small] = size < 3600e6 ? [Math.round(size / 1e6), "min", "s"] : [Math.round(size / 60e6), "h", "min"];
  return `${sign}${Math.floor(count / 60)} ${big}${count % 60 ? ` ${count % 60} ${small}` : ""}`;
}
function bytes(count) {
  for (const unit of ["B", "kB", "MB", "GB"]) { if (count < 1000) return `${significant(count, 3)} ${unit}`; count /= 1000; }
  return `${significant(count, 3)} TB`;
}
const number = (x) => x.toLocaleString("en");
const place = (lane) => lane < 0 ? "–" : `executor ${data.executors[lane]}, slot ${data.slots[lane]}`;
const several = data.slots.some((slot) => slot > 0);
const laneName = (lane) => several && rowHeight >= 12 ? `${data.executors[lane]} · ${data.slots[lane]}` : data.executors[lane];

// ---- state and layout -------------------------------------------------------------------------------------------

const canvas = document.getElementById("chart"), over = document.getElementById("over"), stage = document.getElementById("stage");
const [pen, ink] = [canvas.getContext("2d", { alpha: false }), over.getContext("2d")];
const tip = document.getElementById("tip"), colour = document.getElementById("colour"), find = document.getElementById("find");
const full = { from: 0, to: data.end * 1.01 };
let view = { ...full }, width = 0, height = 0, gutter = 0, rowHeight = 0, plot = 0, panels = [], theme = {};
let matches = null, hovered = -1, drag = null;
const COLOURS = ["page", "panel", "ink", "soft", "rule", "band", "wait", "predicted", "measured", "failed"];
const FONT = "12px system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', sans-serif";
const x = (t) => gutter + (t - view.from) / (view.to - view.from) * plot;
const timeAt = (px) => view.from + (px - gutter) / plot * (view.to - view.from);

function layout() {
  const style = getComputedStyle(root), read = (name) => style.getPropertyValue(`--${name}`).trim();
  theme = Object.fromEntries(COLOURS.map((name) => [name, read(name)]));
  theme.kinds = Array.from({ length: 9 }, (_, i) => read(`kind-${i}`));
  theme.deviations = Array.from({ length: 5 }, (_, i) => read(`deviation-${i}`));
  width = stage.clientWidth;
  pen.font = FONT;
  rowHeight = Math.max(Math.min(Math.floor(420 / lanes), 22), 4);
  if (rowHeight * lanes > 2400) rowHeight = 2400 / lanes;
  gutter = 16;
  for (let lane = 0; lane < Math.min(lanes, 2000); lane++) gutter = Math.max(gutter, pen.measureText(laneName(lane)).width);
  gutter = Math.min(Math.ceil(gutter) + 12, 170);
  plot = Math.max(width - gutter - 24, 50);
  let y = 24;
  panels = [];
  for (const chart of charts) { panels.push({ chart, top: y + 24, height: rowHeight * lanes }); y += 24 + rowHeight * lanes + 10; }
  panels.push({ top: y + 24, height: 96 });
  height = y + 24 + 96 + 26;
  const ratio = Math.min(devicePixelRatio || 1, 16000 / height);
  for (const [surface, brush] of [[canvas, pen], [over, ink]]) {
    surface.width = Math.round(width * ratio); surface.height = Math.round(height * ratio);
    surface.style.height = `${height}px`;
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  }
  legend();
}

// ---- paint ------------------------------------------------------------------------------------------------------

const GHOST = 90, FAIL = 91, DIM = 100;
function deviation(task) {
  if (status[task] === NOT_RUN || measured.lane[task] < 0) return 2;
  const plan = charts[0].finish[task] - charts[0].start[task], real = measured.finish[task] - measured.start[task];
  const ratio = plan > 0 ? real / plan : real > 0 ? Infinity : 1;
  return ratio < 0.5 ? 0 : ratio < 0.8 ? 1 : ratio <= 1.25 ? 2 : ratio <= 2 ? 3 : 4;
}
function styleOf(chart, task) {
  const dim = matches && !matches[task] ? DIM : 0;
  if (chart === measured && status[task] === FAILED) return dim + FAIL;
  if (chart !== measured && (status[task] === FAILED || status[task] === NOT_RUN)) return dim + GHOST;
  return dim + (colour.value === "deviation" ? 20 + deviation(task) : Math.min(kind[task], 8));
}
const shade = (style) => style === FAIL ? theme.failed : style === GHOST ? theme.predicted : style >= 20 ? theme.deviations[style - 20] : theme.kinds[style];

function box(style, left, right, top, tall) {
  const wide = right - left, gap = wide > 3 ? 1 : 0;
  left = Math.max(left, gutter);
  right = Math.min(right - gap, gutter + plot);
  pen.globalAlpha = style >= DIM ? 0.13 : 1;
  pen.fillStyle = shade(style % DIM);
  if (style % DIM === GHOST) {
    pen.globalAlpha *= 0.25;
    pen.fillRect(left, top, Math.max(right - left, 1), tall);
    pen.globalAlpha = style >= DIM ? 0.13 : 1;
    pen.fillRect(left, top + tall - 1, Math.max(right - left, 1), 1);
  } else pen.fillRect(left, top, Math.max(right - left, style % DIM === FAIL ? 3 : 1), tall);
}

// Neighbours that are too narrow to be told apart are drawn as one box, so that a row costs at most two boxes a pixel.
function drawLane(chart, lane, top, tall) {
  const { order, start, finish, ptr } = chart, end = ptr[lane + 1];
  let drawn = 0, style = -1, left = 0, right = 0;
  for (let i = firstIndex(ptr[lane], end, (k) => finish[order[k]] >= view.from); i < end && start[order[i]] <= view.to; i++) {
    const task = order[i], a = x(start[task]), b = x(finish[task]), next = styleOf(chart, task);
    if (next === style && b - a < 1.5 && a - right < 0.4) { right = Math.max(right, b); continue; }
    if (style >= 0) { box(style, left, right, top, tall); drawn++; }
    [style, left, right] = [next, a, b];
  }
  if (style >= 0) { box(style, left, right, top, tall); drawn++; }
  return drawn;
}
function drawWaits(lane, top, tall) {
  const { order, start, ptr } = measured;
  pen.globalAlpha = 0.8;
  pen.fillStyle = theme.wait;
  for (let i = ptr[lane]; i < ptr[lane + 1]; i++) {
    const task = order[i], wait = columns.wait_us[task] || 0, a = Math.max(x(start[task] - wait), gutter), b = Math.min(x(start[task]), gutter + plot);
    if (b - a > 0.7) pen.fillRect(a, top + tall * 0.36, b - a, Math.max(tall * 0.28, 1));
  }
}
function drawFailures(chart, panel) {
  pen.globalAlpha = 1;
  pen.fillStyle = theme.ink;
  for (let i = chart.ptr[0]; i < n; i++) {
    const task = chart.order[i];
    if (status[task] !== FAILED) continue;
    const px = x((chart.start[task] + chart.finish[task]) / 2), y = panel.top + chart.lane[task] * rowHeight;
    if (px < gutter || px > gutter + plot) continue;
    pen.beginPath(); pen.moveTo(px - 4, y - 5); pen.lineTo(px + 4, y - 5); pen.lineTo(px, y + 2); pen.fill();
  }
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 3e7, 6e7, 12e7, 3e8, 6e8, 12e8, 18e8, 36e8,
  72e8, 144e8, 432e8, 864e8];
function drawAxis() {
  const room = (view.to - view.from) / (plot / 95), step = STEPS.find((size) => size >= room) ?? Math.ceil(room / 864e8) * 864e8;
  pen.lineWidth = 1;
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    const px = Math.round(x(t)) + 0.5;
    pen.strokeStyle = theme.rule;
    for (const panel of panels) { pen.beginPath(); pen.moveTo(px, panel.top); pen.lineTo(px, panel.top + panel.height); pen.stroke(); }
    pen.fillStyle = theme.soft;
    pen.textAlign = "center";
    pen.fillText(seconds(t), px, 15); pen.fillText(seconds(t), px, height - 8);
  }
}
function drawMarks() {
  const marks = [[data.bound, [2, 3], panels], [data.predicted, [6, 3], panels], [data.measured, [], panels.slice(1)]];
  for (const [time, dash, where] of marks) {
    if (time == null || time < view.from || time > view.to) continue;
    pen.strokeStyle = theme.ink;
    pen.lineWidth = 1.5;
    pen.setLineDash(dash);
    for (const panel of where) { pen.beginPath(); pen.moveTo(x(time), panel.top - 3); pen.lineTo(x(time), panel.top + panel.height + 3); pen.stroke(); }
  }
  pen.setLineDash([]);
}
function drawPanel(panel) {
  const { chart, top } = panel, tall = rowHeight > 6 ? rowHeight - 2 : rowHeight > 3 ? rowHeight - 1 : rowHeight;
  title(chart.title, top, `${chart === measured ? "measured" : "predicted"} makespan ${seconds(chart === measured ? data.measured : data.predicted)}`);
  pen.fillStyle = theme.band;
  for (let lane = 0; lane < lanes; lane++) pen.fillRect(gutter, top + lane * rowHeight, plot, tall);
  return () => {
    let drawn = 0;
    for (let lane = 0; lane < lanes; lane++) {
      if (chart === measured) drawWaits(lane, top + lane * rowHeight, tall);
      drawn += drawLane(chart, lane, top + lane * rowHeight, tall);
    }
    drawFailures(chart, panel);
    pen.globalAlpha = 1;
    return drawn;
  };
}
function title(text, top, remark) {
  pen.textAlign = "left";
  pen.fillStyle = theme.ink;
  pen.font = `600 ${FONT}`;
  pen.fillText(text, gutter, top - 8);
  const at = gutter + pen.measureText(text).width + 10;
  pen.font = FONT;
  pen.fillStyle = theme.soft;
  pen.fillText(remark, at, top - 8);
}
function drawNames(panel) {
  let last = -Infinity;
  pen.fillStyle = theme.soft;
  pen.textAlign = "right";
  for (let lane = 0, end = 1; lane < lanes; lane = end++) {
    // Rows too low for a name each share their executor's.
    if (rowHeight < 12) while (end < lanes && data.executors[end] === data.executors[lane]) end++;
    if (end - lane > 1 && lane) pen.fillRect(gutter - 4, panel.top + lane * rowHeight - 1, 4, 1);
    const y = panel.top + (lane + end) / 2 * rowHeight;
    if (y - last < 12) continue;
    pen.fillText(laneName(lane), gutter - 6, y + 4, gutter - 8);
    last = y;
  }
}
function drawUse(panel) {
  const { top, height: tall } = panel, most = data.planned_slots || 1, y = (level) => top + tall - Math.min(level / most, 1) * tall;
  const mean = (use, a, b) => b > a ? (use(b) - use(a)) / (b - a) : 0;
  const said = charts.map((chart, i) => `${i ? "measured" : "planned"} ${significant(100 * mean(chart.busy, 0, (i ? data.measured : data.predicted) || 1) / most, 3)} % of the slots on average`);
  title("Slots busy over time", top, said.join(", "));
  pen.fillStyle = theme.band;
  pen.fillRect(gutter, top, plot, tall);
  const outline = (use) => {
    pen.beginPath();
    let before = use(timeAt(gutter));
    for (let px = 0; px < plot; px++) {
      const after = use(timeAt(gutter + px + 1)), level = y((after - before) / (view.to - view.from) * plot);
      px ? pen.lineTo(gutter + px, level) : pen.moveTo(gutter, level);
      pen.lineTo(gutter + px + 1, level);
      before = after;
    }
  };
  const area = (use, fill, alpha) => {
    outline(use);
    pen.lineTo(gutter + plot, top + tall); pen.lineTo(gutter, top + tall);
    pen.globalAlpha = alpha; pen.fillStyle = fill; pen.fill(); pen.globalAlpha = 1;
  };
  if (measured) {
    area((t) => measured.busy(t) + measured.waiting(t), theme.wait, 0.75);
    area(measured.busy, theme.band, 1);
    area(measured.busy, theme.measured, 0.75);
  } else area(charts[0].busy, theme.predicted, 0.35);
  outline(charts[0].busy);
  pen.strokeStyle = measured ? theme.ink : theme.predicted;
  pen.lineWidth = 1;
  pen.globalAlpha = measured ? 0.75 : 1;
  pen.stroke();
  pen.globalAlpha = 1;
  pen.fillStyle = theme.soft;
  pen.textAlign = "right";
  pen.fillText(number(most), gutter - 6, top + 10); pen.fillText("0", gutter - 6, top + tall);
}

function draw() {
  const began = performance.now();
  pen.globalAlpha = 1;
  pen.fillStyle = theme.page;
  pen.fillRect(0, 0, width, height);
  pen.font = FONT;
  const bars = panels.filter((panel) => panel.chart).map(drawPanel);
  const use = panels[panels.length - 1];
  drawUse(use);
  drawAxis();
  let boxes = 0;
  for (const paint of bars) boxes += paint();
  for (const panel of panels) if (panel.chart) drawNames(panel);
  drawMarks();
  if (!n) { pen.fillStyle = theme.soft; pen.textAlign = "center"; pen.fillText("There are no tasks.", gutter + plot / 2, panels[0].top + panels[0].height / 2 + 4); }
  root.dataset.boxes = boxes;
  root.dataset.drawMs = (performance.now() - began).toFixed(2);
  drawOver();
}
let asked = 0;
const redraw = () => { asked ||= requestAnimationFrame(() => { asked = 0; draw(); }); };

// ---- what lies over the chart: the hovered task, its twin, what it waited for ------------------------------------

function frame(chart, panel, task) {
  if (chart.lane[task] < 0) return null;
  const left = x(chart.start[task]), right = Math.max(x(chart.finish[task]), left + 2), top = panel.top + chart.lane[task] * rowHeight;
  return { left, right, top, middle: top + rowHeight / 2 };
}
function drawOver(pointer) {
  ink.clearRect(0, 0, width, height);
  ink.save();
  if (drag && drag.select) {
    ink.fillStyle = theme.measured; ink.globalAlpha = 0.18;
    ink.fillRect(Math.min(drag.px, drag.now), 22, Math.abs(drag.now - drag.px), height - 44);
  } else if (pointer && pointer.px > gutter) {
    ink.strokeStyle = theme.soft; ink.globalAlpha = 0.6;
    ink.beginPath(); ink.moveTo(pointer.px, 22); ink.lineTo(pointer.px, height - 22); ink.stroke();
  }
  ink.globalAlpha = 1;
  ink.beginPath(); ink.rect(gutter - 1, 0, plot + 2, height); ink.clip();
  if (hovered >= 0) {
    const frames = panels.filter((panel) => panel.chart).map((panel) => ({ panel, at: frame(panel.chart, panel, hovered) })).filter(({ at }) => at);
    for (const { panel, at } of frames) if (pred_ptr) drawLinks(panel, at);
    ink.strokeStyle = theme.ink;
    ink.lineWidth = 2;
    for (const { at } of frames) ink.strokeRect(at.left - 1, at.top - 1, at.right - at.left + 2, Math.max(rowHeight, 4) + 1);
    if (frames.length === 2) {
      const [a, b] = frames.map(({ at }) => at);
      ink.setLineDash([3, 3]); ink.lineWidth = 1;
      ink.beginPath(); ink.moveTo((a.left + a.right) / 2, a.top + rowHeight); ink.lineTo((b.left + b.right) / 2, b.top); ink.stroke();
    }
  }
  ink.restore();
}
function drawLinks(panel, at) {
  ink.lineWidth = 1;
  ink.setLineDash([]);
  ink.globalAlpha = 0.8;
  const curve = (from, to) => {
    const bend = Math.min(Math.abs(to.left - from.right) / 2 + 8, 60);
    ink.beginPath(); ink.moveTo(from.right, from.middle);
    ink.bezierCurveTo(from.right + bend, from.middle, to.left - bend, to.middle, to.left, to.middle);
    ink.stroke();
  };
  const linked = (ptr, list, join) => {
    for (let i = ptr[hovered]; i < Math.min(ptr[hovered + 1], ptr[hovered] + 200); i++) {
      const other = frame(panel.chart, panel, list[i]);
      if (!other) continue;
      ink.strokeRect(other.left, other.top, other.right - other.left, rowHeight - 1);
      join(other);
    }
  };
  ink.strokeStyle = theme.ink;
  linked(pred_ptr, pred, (other) => curve(other, at));
  ink.strokeStyle = theme.soft;
  linked(succ_ptr, succ, (other) => curve(at, other));
  ink.globalAlpha = 1;
}

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}
function describe(task) {
  const states = ["planned", "done", "failed", "not run"], ran = measured && measured.lane[task] >= 0;
  const rows = [["", "predicted", ...(measured ? ["measured"] : [])]];
  const both = (name, of) => rows.push([name, ...charts.map((chart) => chart.lane[task] < 0 ? "–" : of(chart))]);
  both("start", (c) => seconds(c.start[task]));
  both("finish", (c) => seconds(c.finish[task]));
  both("duration", (c) => seconds(c.finish[task] - c.start[task]));
  both("where", (c) => place(c.lane[task]));
  const detail = (name, column, words) => { if (ran && !Number.isNaN(columns[column][task])) rows.push([name, "", words(columns[column][task])]); };
  detail("waited before", "wait_us", seconds);
  detail("CPU time", "cpu_us", seconds);
  detail("fetched", "bytes_in", bytes);
  detail("size of its value", "bytes_out", bytes);
  detail("rows", "rows", number);
  detail("peak memory", "peak_memory_bytes", bytes);
  detail("attempt", "attempt", number);
  const parts = [element("strong", data.ids[task]), element("div", `${data.kinds[kind[task]]} · ${states[status[task]]}` +
    (pred_ptr ? ` · waits for ${pred_ptr[task + 1] - pred_ptr[task]}, waited for by ${succ_ptr[task + 1] - succ_ptr[task]}` : ""))];
  const grid = element("table");
  for (const row of rows) {
    const line = element("tr");
    line.append(element("th", row[0]), ...row.slice(1).map((text) => element(row[0] ? "td" : "th", text)));
    grid.append(line);
  }
  parts.push(grid);
  if (data.errors[task]) parts.push(element("div", data.errors[task], "error"));
  tip.replaceChildren(...parts);
}
function showTip(px, py) {
  tip.hidden = false;
  const { width: w, height: h } = tip.getBoundingClientRect();
  tip.style.left = `${px + 18 + w > innerWidth ? Math.max(px - w - 14, 4) : px + 18}px`;
  tip.style.top = `${Math.max(Math.min(py + 16, innerHeight - h - 6), 4)}px`;
}
function hover(task) {
  if (task === hovered) return;
  hovered = task;
  root.dataset.hovered = task;
  if (task >= 0) describe(task); else tip.hidden = true;
}
function taskAt(px, py) {
  const panel = panels.find((one) => one.chart && py >= one.top && py < one.top + one.height);
  if (!panel || px < gutter || px > gutter + plot) return -1;
  const { order, ptr, start, finish } = panel.chart, lane = Math.min(Math.floor((py - panel.top) / rowHeight), lanes - 1);
  const t = timeAt(px), slack = 3 * (view.to - view.from) / plot, end = ptr[lane + 1];
  const i = firstIndex(ptr[lane], end, (k) => start[order[k]] > t), near = [i - 1, i].filter((k) => k >= ptr[lane] && k < end);
  const away = (k) => Math.max(start[order[k]] - t, t - finish[order[k]], 0);
  const best = near.sort((a, b) => away(a) - away(b))[0];
  return best !== undefined && away(best) <= slack ? order[best] : -1;
}

// ---- moving about -----------------------------------------------------------------------------------------------

function show(from, to) {
  const span = Math.min(Math.max(to - from, Math.min(20, full.to)), full.to);
  from = Math.max(Math.min(from, full.to - span), 0);
  view = { from, to: from + span };
  redraw();
}
function zoom(factor, around = (view.from + view.to) / 2) { show(around - (around - view.from) * factor, around + (view.to - around) * factor); }
function pan(share) { const by = (view.to - view.from) * share; show(view.from + by, view.to + by); }
function focusOn(task) {
  const chart = measured && measured.lane[task] >= 0 ? measured : charts[0];
  const from = Math.min(...charts.filter((c) => c.lane[task] >= 0).map((c) => c.start[task])), to = Math.max(...charts.filter((c) => c.lane[task] >= 0).map((c) => c.finish[task]));
  const margin = Math.max((chart.finish[task] - chart.start[task]) * 4, full.to / 200);
  show(from - margin, to + margin);
  hover(task);
  stage.scrollIntoView({ block: "center" });
}
const local = (event) => { const box = canvas.getBoundingClientRect(); return { px: event.clientX - box.left, py: event.clientY - box.top }; };

canvas.addEventListener("pointerdown", (event) => {
  const { px } = local(event);
  if (event.button || px < gutter) return;
  drag = { px, now: px, select: !event.shiftKey, view: { ...view } };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  const pointer = local(event);
  if (drag) {
    drag.now = Math.min(Math.max(pointer.px, gutter), gutter + plot);
    const by = (drag.px - drag.now) / plot * (drag.view.to - drag.view.from);
    if (!drag.select) show(drag.view.from + by, drag.view.to + by);
    hover(-1);
  } else {
    hover(taskAt(pointer.px, pointer.py));
    if (hovered >= 0) showTip(event.clientX, event.clientY);
  }
  drawOver(pointer);
});
canvas.addEventListener("pointerup", () => {
  const done = drag;
  drag = null;
  if (done?.select && Math.abs(done.now - done.px) > 4) show(timeAt(Math.min(done.px, done.now)), timeAt(Math.max(done.px, done.now)));
  drawOver();
});
canvas.addEventListener("pointercancel", () => { drag = null; drawOver(); });
canvas.addEventListener("pointerleave", () => { if (!drag) { hover(-1); drawOver(); } });
canvas.addEventListener("dblclick", () => show(full.from, full.to));
canvas.addEventListener("wheel", (event) => {
  if (event.ctrlKey || event.metaKey) zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 100), timeAt(local(event).px));
  else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / plot);
  else return;
  event.preventDefault();
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
  const act = { ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), "0": () => show(full.from, full.to) }[event.key];
  if (act && !event.ctrlKey && !event.metaKey) { act(); event.preventDefault(); }
});
document.getElementById("reset").addEventListener("click", () => show(full.from, full.to));
document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
colour.addEventListener("change", () => { legend(); redraw(); });
find.addEventListener("input", () => {
  const wanted = find.value.toLowerCase();
  matches = wanted ? Uint8Array.from(data.ids, (id) => id.toLowerCase().includes(wanted)) : null;
  document.getElementById("found").textContent = matches ? `${number(matches.reduce((a, b) => a + b, 0))} of ${number(n)}` : "";
  redraw();
});
for (const row of document.querySelectorAll("tr[data-task]")) {
  const go = () => focusOn(Number(row.dataset.task));
  row.addEventListener("click", go);
  row.addEventListener("keydown", (event) => { if (event.key === "Enter") go(); });
}

function legend() {
  const entry = (fill, text, alpha = 1) => {
    const label = element("span"), swatch = document.createElementNS("http://www.w3.org/2000/svg", "svg"), mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of [["width", 11], ["height", 11]]) { swatch.setAttribute(key, value); mark.setAttribute(key, value); }
    mark.setAttribute("fill", fill); mark.setAttribute("fill-opacity", alpha);
    swatch.append(mark);
    label.append(swatch, text);
    return label;
  };
  const entries = colour.value === "deviation"
    ? ["less than half as long", "shorter", "as predicted (0.8 to 1.25 ×)", "longer", "more than twice as long"].map((text, i) => entry(theme.deviations[i], text))
    : data.kinds.slice(0, 8).map((name, i) => entry(theme.kinds[i], name));
  if (colour.value !== "deviation" && data.kinds.length > 8) entries.push(entry(theme.kinds[8], `${data.kinds.length - 8} other kinds`));
  if (measured) entries.push(entry(theme.wait, "waiting for inputs"));
  if (status.includes(FAILED)) entries.push(entry(theme.failed, "▾ failed"));
  if (status.includes(FAILED) || status.includes(NOT_RUN)) entries.push(entry(theme.predicted, "planned, but failed or not run", 0.4));
  entries.push(element("span", `lines: lower bound (dotted), predicted makespan (dashed)${measured ? ", measured makespan (solid)" : ""}`));
  document.getElementById("legend").replaceChildren(...entries);
}

new ResizeObserver(() => { if (stage.clientWidth !== width) { layout(); draw(); } }).observe(stage);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { layout(); draw(); });
layout();
draw();
globalThis.plannerReport = { canvas, draw, show, full, taskAt, focusOn, get view() { return view; } };
root.dataset.tasks = n;
root.dataset.ready = "yes";
