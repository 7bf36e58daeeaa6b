// The curve and the tools that bend it. uPlot draws; the hand works on the area over it.

import * as curves from "./curves.js";
import { $, colour, draw, make, number } from "./dom.js";
import { announce, canRedo, canUndo, change, commit, on, redo, state, undo } from "./state.js";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
const SETTLE = 180; // milliseconds in which a drawn curve comes back to unit area

// Each tool: how it works in a word, what a drag from one point to another makes of the values before it, and what arrow keys do:
// up and down (`by` is 1 or -1) at the chosen energy, or left and right where the tool works sideways (`by` in eV).
const TOOLS = {
  bend: { key: "b", name: "Bend", brush: true, hint: "Drag the curve up or down.",
    press: (by, at) => ({ values: curves.bend(state.values, E(), at, Math.max(height(at) + by * LIFT, 0), brush()) }),
    drag: (s, p) => ({ values: curves.bend(s.values, E(), s.from.energy, p.height, brush()) }) },
  paint: { key: "p", name: "Paint", hint: "Draw the curve freehand.",
    press: (by, at) => { const p = { energy: at, height: Math.max(height(at) + by * LIFT, 0) }; return { values: curves.paint(state.values, E(), p, p) }; },
    drag: (s, p) => ({ values: curves.paint(state.values, E(), s.last, p) }) },
  smooth: { key: "s", name: "Smooth", brush: true, hint: "Rub over the rough parts of the curve.",
    press: (by, at) => ({ values: curves.smooth(state.values, E(), at, brush()) }),
    drag: (s, p) => ({ values: curves.smooth(state.values, E(), p.energy, brush()) }) },
  peak: { key: "a", name: "Peak", brush: true, hint: "Press where a peak should be; drag up for height, sideways for width.",
    press: (by, at) => ({ values: by > 0 ? curves.peak(state.values, E(), at, 2 * LIFT, Math.max(state.facts.broadening, 0.6 * brush()))
      : curves.bend(state.values, E(), at, Math.max(height(at) - 2 * LIFT, 0), Math.max(state.facts.broadening, 0.6 * brush())) }),
    drag: (s, p) => ({ values: curves.peak(s.values, E(), s.from.energy, Math.max(p.height - s.from.base, 0),
      Math.max(state.facts.broadening, brush() * 0.6 + Math.abs(p.energy - s.from.energy))) }) },
  erase: { key: "e", name: "Erase", hint: "Press on a peak to cut it off, from valley to valley.",
    press: (by, at) => ({ values: curves.erase(state.values, E(), at) }),
    drag: (s) => ({ values: curves.erase(s.values, E(), s.from.energy) }) },
  shift: { key: "h", name: "Shift", hint: "Drag the whole curve along the energies.",
    sideways: (by) => ({ values: curves.shift(state.values, E(), by) }),
    drag: (s, p) => ({ values: curves.shift(s.values, E(), p.energy - s.from.energy) }) },
  stretch: { key: "t", name: "Stretch", hint: "Drag away from the energy zero to widen all bands, towards it to narrow them.",
    sideways: (by) => ({ values: curves.stretch(state.values, E(), 1 + 0.1 * by) }),
    drag: (s, p) => ({ values: curves.stretch(s.values, E(), factor(s.from.energy, p.energy)) }) },
  gap: { key: "g", name: "Gap", hint: "Drag to the right to open a gap above the energy zero, to the left to close one.",
    sideways: (by) => ({ values: curves.gap(state.values, E(), by, state.facts.broadening) }),
    drag: (s, p) => ({ values: curves.gap(s.values, E(), p.energy - s.from.energy, state.facts.broadening) }) },
  window: { key: "w", name: "Window", apart: true, hint: "Drag over the energies that matter; the rest turns grey and does not count. Click to count all energies again.",
    enter: (at) => { const from = edge; edge = from == null ? at : null; return from == null ? {} : { window: span(from, at) }; },
    drag: (s, p) => ({ window: span(s.from.energy, p.energy) }) },
  weights: { key: "i", name: "Weights", hint: "Paint how much each energy counts, from not at all to double.",
    press: (by, at) => ({ weights: curves.bend((state.weights ?? E().map(() => 1)), E(), at, Math.min(Math.max(weight(at) + 0.2 * by, 0), 2), 0.5) }),
    drag: (s, p) => ({ weights: painted(s, p) }) },
};

const LIFT = 0.006; // 1/eV by which a key lifts the curve
const DASHES = [[9, 4], [3, 3], [10, 3, 2, 3]]; // of curves that are kept for comparison
let plot, tool = "bend", stroke = null, over = null, pins = [], chosen = null, edge = null, ceiling = 0, base = 0;
const E = () => state.facts.energies;
const height = (at) => state.values[curves.nearest(E(), at)];
const weight = (at) => state.weights?.[curves.nearest(E(), at)] ?? 1;
const brush = () => Number($("brush").value);
const factor = (from, to) => Math.min(Math.max(Math.abs(to) / Math.max(Math.abs(from), 0.3), 0.4), 2.5);

function span(one, other) {
  const [low, high] = [Math.min(one, other), Math.max(one, other)].map((e) => Math.round(e * 20) / 20);
  return high - low < 0.3 ? null : [low, high];
}

function painted(s, p) {
  const share = (point) => ({ energy: point.energy, height: Math.min(Math.max(point.share * 2, 0), 2) });
  const weights = curves.paint(state.weights ?? E().map(() => 1), E(), share(s.last), share(p));
  return weights.some((w) => w > 0) ? weights : null;
}

export function setUp() {
  const box = $("plot");
  const bar = $("tools");
  for (const [name, { key, name: word, apart }] of Object.entries(TOOLS)) {
    if (apart) bar.append(make("span", { class: "apart" }));
    bar.append(make("button", { type: "button", "data-tool": name, "aria-pressed": String(name === tool), title: `${word} (${key.toUpperCase()})`,
      onclick: () => choose(name) }, icon(name), make("span", {}, word)));
  }
  bar.append(make("span", { class: "apart" }),
    make("button", { type: "button", id: "undo", title: "Undo (Ctrl+Z)", "aria-label": "Undo", onclick: undo }, icon("undo")),
    make("button", { type: "button", id: "redo", title: "Redo (Ctrl+Shift+Z)", "aria-label": "Redo", onclick: redo }, icon("redo")));
  plot = new uPlot({
    width: box.clientWidth, height: box.clientHeight, legend: { show: false }, padding: [8, 12, 0, 0],
    scales: { x: { time: false, range: () => [E()[0], E().at(-1)] }, y: { range: () => [0, ceiling || 0.2] } },
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false, setScale: false } },
    axes: [axis("energy from the energy zero (eV)", { size: 32, labelSize: 22 }),
      axis("DOS (1/eV, unit area)", { size: 46, labelSize: 22, space: 46, grid: { show: true, stroke: () => colour("--rule"), width: 1 } })],
    series: [{},
      { label: "target", stroke: () => colour("--target"), fill: () => colour("--target-fill"), width: 2, points: { show: false } },
      { label: "over", stroke: () => colour(over?.hue ?? "--new-line"), width: 2.2, points: { show: false } },
      ...DASHES.map((dash, i) => ({ label: `kept ${i + 1}`, stroke: () => colour(pins[i]?.hue ?? "--new-line"), width: 1.8, dash, points: { show: false } }))],
    hooks: { drawClear: [shadeBand], draw: [shadeWindow, drawWeights, markZero], setCursor: [read] },
  }, data(), box);
  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
  hands(plot.over);
  keys(box);
  $("brush").addEventListener("input", showBrush);
  on("change", refresh);
  on("commit", () => { $("undo").disabled = !canUndo(); $("redo").disabled = !canRedo(); legend(); });
  choose("bend");
  showBrush();
}

const icon = (name) => draw("svg", { class: "icon", "aria-hidden": "true" }, draw("use", { href: `#i-${name}` }));

export function choose(name) {
  tool = name;
  document.querySelectorAll("[data-tool]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.tool === name)));
  edge = null;
  $("plot-help").textContent = `${TOOLS[name].hint} ${byKeys(TOOLS[name])}`;
  if (plot) read(plot);
  $("plot").dataset.tool = name;
  document.querySelector(".brush").classList.toggle("idle", !TOOLS[name].brush);
  plot?.redraw();
}

const byKeys = (one) => (one.sideways ? "By keys: left and right arrows, with Shift in larger steps."
  : `By keys: left and right arrows choose an energy, ${one.enter ? "Enter there sets one edge, then the other; Delete makes all energies count again." : "up and down arrows work there, with Shift in larger steps."}`);

// A material's curve over the target: {key, values, half_width, hue, name, what}, or null.
export function overlay(curve) {
  over = curve;
  refresh();
  legend();
  if (plot) read(plot);
}

// Curves that stay, to be compared: as many as there are dashes; the oldest makes room.
export function keep(curve) {
  pins = kept(curve.key) ? pins.filter(({ key }) => key !== curve.key) : [...pins, curve].slice(-DASHES.length);
  refresh();
  legend();
  announce("kept");
}
export const kept = (key) => pins.some((pin) => pin.key === key);
// Everything that is drawn, for pictures of it.
export const drawn = () => [{ name: state.name || "drawn", hue: "--target", values: state.values, dash: [] },
  ...(over && !kept(over.key) ? [{ ...over, dash: [] }] : []), ...pins.map((pin, i) => ({ ...pin, dash: DASHES[i] }))];

function data() {
  const none = E().map(() => null);
  return [E(), state.values, over?.values ?? none, ...DASHES.map((_, i) => pins[i]?.values ?? none)];
}

// What each curve and colour is.
function legend() {
  const line = (hue, dash, ...words) => {
    const mark = make("i", { class: "key line" });
    mark.style.setProperty("--hue", `var(${hue})`);
    if (dash) mark.style.borderTopStyle = "dashed";
    return make("span", {}, mark, ...words);
  };
  const area = (hue, word) => { const mark = make("i", { class: "key area" }); mark.style.setProperty("--hue", `var(${hue})`); return make("span", {}, mark, word); };
  const word = (curve) => `${curve.name}, ${curve.what}`;
  $("keys").replaceChildren(...[line("--target", false, "target"),
    over && !kept(over.key) ? line(over.hue, false, word(over)) : null,
    over?.half_width ? area(over.hue, "holds 68 %") : null,
    ...pins.map((pin) => line(pin.hue, true, word(pin), make("button", { type: "button", "aria-label": `Keep ${pin.name} no longer`, onclick: () => keep(pin) }, "\u00d7"))),
    state.window ? area("--glow", "only these energies count") : null,
    state.weights ? line("--weight", true, "weight of each energy") : null,
    make("span", { class: "grow" }),
    make("button", { type: "button", title: "The plot as a picture", onclick: () => picture("png") }, "PNG"),
    make("button", { type: "button", title: "The plot as a vector picture", onclick: () => picture("svg") }, "SVG")].filter(Boolean));
}

async function picture(form) {
  const { download } = await import("./picture.js");
  await download(form, drawn(), state);
}

function refresh() {
  if (!plot) return;
  const others = [over?.values.map((v, i) => v + 0.5 * (over.half_width?.[i] ?? 0)) ?? [], ...pins.map((pin) => pin.values)].flat();
  const highest = Math.max(...state.values, ...others, 0.02) * 1.16;
  // While a hand is on the curve the scale only grows, and nothing slips away under the pointer.
  ceiling = stroke ? Math.max(ceiling, highest) : highest;
  plot.setData(data());
}

function axis(label, extra) {
  return {
    stroke: () => colour("--soft"), font: `12px ${FONT}`, labelFont: `13px ${FONT}`, label, grid: { show: false },
    ticks: { stroke: () => colour("--rule"), width: 1, size: 5 }, values: (u, splits) => splits.map((v) => String(+v.toFixed(6)).replace("-", "\u2212")), ...extra,
  };
}

function painting(u, fill) {
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, width, height);
  u.ctx.clip();
  fill(u.ctx, { left, top, width, height, px: devicePixelRatio, x: (e) => u.valToPos(e, "x", true), y: (v) => u.valToPos(v, "y", true) });
  u.ctx.restore();
}

// What a predicted curve may be off by.
function shadeBand(u) {
  if (!over?.half_width) return;
  painting(u, (ctx, { x, y }) => {
    ctx.beginPath();
    E().forEach((e, i) => ctx.lineTo(x(e), y(over.values[i] + over.half_width[i])));
    for (let i = E().length - 1; i >= 0; i--) ctx.lineTo(x(E()[i]), y(Math.max(over.values[i] - over.half_width[i], 0)));
    ctx.closePath();
    ctx.globalAlpha = 0.2;
    ctx.fillStyle = colour(over.hue);
    ctx.fill();
  });
}

function shadeWindow(u) {
  if (!state.window) return;
  painting(u, (ctx, { left, top, width, height, x, px }) => {
    const [low, high] = state.window.map(x);
    ctx.fillStyle = colour("--veil");
    ctx.fillRect(left, top, low - left, height);
    ctx.fillRect(high, top, left + width - high, height);
    ctx.fillStyle = colour("--glow");
    ctx.fillRect(low - px, top, 2 * px, height);
    ctx.fillRect(high - px, top, 2 * px, height);
  });
}

function drawWeights(u) {
  if (!state.weights && tool !== "weights") return;
  const weights = state.weights ?? E().map(() => 1);
  painting(u, (ctx, { top, height, x, px }) => {
    const y = (w) => top + height * (1 - w / 2);
    ctx.beginPath();
    E().forEach((e, i) => ctx.lineTo(x(e), y(weights[i])));
    ctx.strokeStyle = ctx.fillStyle = colour("--weight");
    ctx.lineWidth = (tool === "weights" ? 2.5 : 1.5) * px;
    ctx.setLineDash(tool === "weights" ? [] : [5 * px, 4 * px]);
    ctx.stroke();
    if (tool === "weights") {
      ctx.globalAlpha = 0.12;
      ctx.lineTo(x(E().at(-1)), top + height);
      ctx.lineTo(x(E()[0]), top + height);
      ctx.fill();
      ctx.globalAlpha = 1;
      ctx.font = `${12 * px}px ${FONT}`;
      ctx.textAlign = "left";
      ctx.textAlign = "right";
      ctx.fillText("counts once", x(E().at(-1)) - 8 * px, y(1) - 6 * px);
    }
  });
}

function markZero(u) {
  painting(u, (ctx, { top, height, x, px }) => {
    ctx.strokeStyle = ctx.fillStyle = colour("--soft");
    ctx.lineWidth = px;
    ctx.setLineDash([3 * px, 3 * px]);
    ctx.beginPath();
    ctx.moveTo(Math.round(x(0)), top);
    ctx.lineTo(Math.round(x(0)), top + height);
    ctx.stroke();
    ctx.font = `${12 * px}px ${FONT}`;
    ctx.textBaseline = "top";
    ctx.textAlign = "left";
    ctx.fillText("energy zero", x(0) + 6 * px, top + 2 * px);
    if (chosen != null) {
      const i = curves.nearest(E(), chosen);
      ctx.setLineDash([]);
      ctx.fillStyle = colour("--glow");
      ctx.beginPath();
      ctx.arc(x(E()[i]), u.valToPos(state.values[i], "y", true), 6 * px, 0, 2 * Math.PI);
      ctx.fill();
    }
  });
}

function read(u) {
  const at = u.cursor.idx;
  const words = at == null || u.cursor.left < 0 ? []
    : [`${number(E()[at], 1)} eV`, `target ${number(state.values[at], 3)}`,
      ...(over ? [`${over.name} ${number(over.values[at], 3)}${over.half_width ? ` ± ${number(over.half_width[at], 3)}` : ""}`] : [])];
  if (!words.length && over?.half_width) words.push(`The band around ${over.name} holds 68 % of the points of crystals from new chemistry.`);
  if (!words.length) words.push(TOOLS[tool].hint);
  $("readout").replaceChildren(...words.map((word) => make("span", {}, word)));
}

function point(event) {
  const box = plot.over.getBoundingClientRect();
  const [left, top] = [event.clientX - box.left, event.clientY - box.top];
  return {
    energy: Math.min(Math.max(plot.posToVal(left, "x"), E()[0]), E().at(-1)),
    height: Math.min(Math.max(plot.posToVal(top, "y"), 0), ceiling * 1.6), share: 1 - top / box.height,
  };
}

function hands(area) {
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    area.setPointerCapture(event.pointerId);
    const from = point(event);
    from.base = state.values[curves.nearest(E(), from.energy)];
    stroke = { values: state.values.slice(), from, last: from, moved: false };
    chosen = null;
    if (tool === "window") change({ window: null });
    if (["erase", "smooth", "paint", "peak"].includes(tool)) work(from.height < from.base && tool === "peak" ? { ...from, height: from.base } : from);
  });
  area.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    stroke.moved = true;
    const events = tool === "paint" || tool === "weights" ? event.getCoalescedEvents?.() ?? [] : [];
    for (const each of events.length ? events : [event]) work(point(each));
  });
  const end = () => {
    if (!stroke) return;
    stroke = null;
    settle();
  };
  area.addEventListener("pointerup", end);
  area.addEventListener("pointercancel", end);
}

function work(p) {
  const patch = TOOLS[tool].drag(stroke, p);
  stroke.last = p;
  if (patch.values && !patch.values.some((v) => v > 1e-6)) return; // nothing would be left
  change(patch.values && tool !== "window" ? { ...patch, ...edited() } : patch);
}

// Name and source tell that this is no longer the curve it began as, nor the work of the program that computed that one.
export const edited = () => (state.name.endsWith("*") || !state.source || state.source === "drawn by hand" ? { name: state.name || "drawn" }
  : { name: `${state.name.slice(0, 78)} *`, source: `edited by hand; began as ${state.source.split(/ \(|; /)[0]}`.slice(0, 300) });

// The curve comes back to unit area before one's eyes; the ranking knows no other area.
function settle() {
  const from = state.values, to = curves.normalised(from, E());
  const before = ceiling, start = performance.now();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches || Math.abs(curves.area(from, E()) - 1) < 0.005;
  commit({ values: to });
  if (still) return;
  const after = ceiling;
  base++;
  const mine = base;
  const step = (now) => {
    if (stroke || mine !== base) return;
    const share = Math.min((now - start) / SETTLE, 1), eased = 1 - (1 - share) ** 3;
    ceiling = before + eased * (after - before);
    plot.setData([E(), from.map((v, i) => v + eased * (to[i] - v)), ...data().slice(2)]);
    if (share < 1) requestAnimationFrame(step);
    else refresh();
  };
  requestAnimationFrame(step);
}

// Arrow keys work as the chosen tool does.
function keys(box) {
  box.addEventListener("keydown", (event) => {
    const [one, big] = [TOOLS[tool], event.shiftKey];
    const aside = { ArrowLeft: -1, ArrowRight: 1 }[event.key], up = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const enter = event.key === "Enter", clear = event.key === "Delete" || event.key === "Backspace";
    if (!aside && !up && !enter && !clear) return;
    event.preventDefault();
    chosen ??= 0;
    if (clear) commit({ window: null, weights: tool === "weights" ? null : state.weights });
    else if (aside && one.sideways) put(one.sideways(aside * (big ? 0.5 : 0.1)));
    else if (aside) chosen = Math.min(Math.max(chosen + aside * (big ? 1 : 0.1), E()[0]), E().at(-1));
    else if (enter && one.enter) put(one.enter(chosen));
    else if (one.press) for (let i = 0; i < (big ? 5 : 1); i++) put(one.press(up ?? 1, chosen), i === (big ? 4 : 0));
    plot.redraw();
    const window_ = state.window ? `; ${number(state.window[0], 1)} to ${number(state.window[1], 1)} electronvolt count` : "";
    const words = one.sideways ? `${one.name}: the curve is moved` : edge != null ? `One edge at ${number(edge, 1)} electronvolt` : `${number(chosen, 1)} electronvolt, ${number(height(chosen), 3)}${window_}`;
    announce("say", words);
    $("readout").replaceChildren(...(one.sideways ? [make("span", {}, one.hint)] : [make("span", {}, `${number(chosen, 1)} eV`), make("span", {}, `target ${number(height(chosen), 3)}`)]));
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea, select, dialog")) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      (event.shiftKey ? redo : undo)();
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "y") {
      event.preventDefault();
      redo();
    } else if (!event.ctrlKey && !event.metaKey && !event.altKey && event.target.closest(".draw")) { // nowhere else: single keys belong to those who dictate, too
      const found = Object.entries(TOOLS).find(([, { key }]) => key === event.key.toLowerCase());
      if (found) choose(found[0]);
    }
  });
}

function put(patch, last = true) {
  if (patch.values && !patch.values.some((v) => v > 1e-6)) return;
  const whole = patch.values ? { ...patch, ...edited() } : patch;
  if (last) commit(whole);
  else change(whole);
}

function showBrush() {
  $("brush-value").textContent = `${brush().toFixed(2)} eV`;
}
