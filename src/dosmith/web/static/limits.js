// Bounds on what may be answered: a number field and a slider for each. An empty field is no bound.

import { $, make, number } from "./dom.js";
import { change, commit, on, state } from "./state.js";

const LONGEST = 8; // eV, of the sliders for gaps; a field takes more
const ROOM = 0.3; // eV that count at least
const costs = (at) => Number((10 ** (at / 20)).toPrecision(2)); // 1 to 100,000 USD/kg
// Each bound: which end of `field` it is (none of a single one), the slider's steps, and what lies at a step.
const BOUNDS = [
  { group: "Gap", unit: "eV", field: "gap", end: 0, word: "at least", steps: 80, value: (at) => at / 10, free: 0 },
  { group: "Gap", unit: "eV", field: "gap", end: 1, word: "at most", steps: 80, value: (at) => at / 10, free: 80 },
  { group: "Energies that count", unit: "eV", field: "window", end: 0, word: "from", value: (at) => state.facts.energies[0] + at / 10, free: 0 },
  { group: "Energies that count", unit: "eV", field: "window", end: 1, word: "to", value: (at) => state.facts.energies[0] + at / 10 },
  { group: "Above the hull", unit: "eV/atom", field: "hull", word: "at most", steps: 50, value: (at) => at / 100, free: 50 },
  { group: "Price of the elements", unit: "USD/kg", field: "price", word: "at most", steps: 100, value: costs, free: 100 },
];
const fields = new Map(); // bound -> [number field, slider]

export function setUp() {
  const across = Math.round((state.facts.energies.at(-1) - state.facts.energies[0]) * 10);
  const groups = new Map();
  for (const bound of BOUNDS) {
    if (bound.field === "window") { bound.steps = across; bound.free ??= across; }
    if (bound.field !== "window" && !state.facts.limited) continue;
    const name = `${bound.group} ${bound.word}`;
    const field = make("input", { type: "number", step: "any", min: bound.field === "window" ? null : 0, placeholder: "any", "aria-label": `${name}, ${bound.unit}`,
      onchange: () => commit(patch(bound, field.value === "" ? null : Number(field.value))) });
    const slider = make("input", { type: "range", min: 0, max: bound.steps, "aria-label": `${name}, slider`,
      oninput: () => change(patch(bound, read(bound, Number(slider.value)))), onchange: () => commit() });
    fields.set(bound, [field, slider]);
    if (!groups.has(bound.group)) groups.set(bound.group, make("fieldset", {}, make("legend", {}, bound.group, make("small", {}, ` ${bound.unit}`))));
    groups.get(bound.group).append(make("div", { class: "bound" }, make("span", { "aria-hidden": "true" }, bound.word), field, slider));
  }
  $("bounds").append(...groups.values());
  $("no-limits").addEventListener("click", () => commit({ gap: null, hull: null, price: null, window: null }));
  on("change", show);
  on("commit", show);
  show();
}

const read = (bound, at) => (at === bound.free ? null : Math.round(bound.value(at) * 1000) / 1000);
const of = ({ field, end }) => (end == null ? state[field] : state[field]?.[end] ?? null);

// The state with one bound changed; a bound that meets the other end takes it along.
function patch(bound, value) {
  const { field, end } = bound, [low, high] = [state.facts.energies[0], state.facts.energies.at(-1)];
  if (value != null && !Number.isFinite(value)) value = null;
  if (end == null) return { [field]: value == null ? null : Math.max(value, 0) };
  const both = [...(state[field] ?? [null, null])];
  if (field === "window") {
    both[end] = Math.min(Math.max(value ?? (end ? high : low), low + end * ROOM), high - (1 - end) * ROOM);
    both[1 - end] ??= end ? low : high;
    if (both[1] - both[0] < ROOM) both[1 - end] = both[end] + (end ? -ROOM : ROOM);
    return { window: both[0] <= low && both[1] >= high ? null : both };
  }
  both[end] = value == null ? null : Math.max(value, end ? 0.1 : 0);
  if (both[0] != null && both[1] != null && both[0] >= both[1]) both[1 - end] = Math.max(Math.round((both[end] + (end ? -0.1 : 0.1)) * 1000) / 1000, 0);
  return { gap: both[0] || both[1] != null ? [both[0] || null, both[1]] : null };
}

// What is written in a field stays while one writes.
function show() {
  for (const [bound, [field, slider]] of fields) {
    const value = of(bound);
    if (document.activeElement !== field || (value != null && Number(field.value) !== value)) field.value = value == null ? "" : String(Math.round(value * 1000) / 1000);
    const at = value == null ? bound.free : nearest(bound, value);
    if (Number(slider.value) !== at) slider.value = at;
    slider.setAttribute("aria-valuetext", value == null ? "no bound" : `${number(value, bound.field === "price" ? 0 : 2)} ${bound.unit}`);
  }
  const told = words();
  $("limits-set").textContent = told.join(", ") || "gap, energies, height above the hull, price";
  $("no-limits").hidden = !told.length;
}

function nearest(bound, value) {
  let best = 0;
  for (let at = 0; at <= bound.steps; at++) if (Math.abs(bound.value(at) - value) < Math.abs(bound.value(best) - value)) best = at;
  return best;
}

// What is asked for, as people say it.
export function words() {
  const plain = (value) => String(Math.round(value * 100) / 100).replace("-", "\u2212");
  const found = [];
  if (state.gap) found.push(`gap ${range(state.gap)}`);
  if (state.window) found.push(`${plain(state.window[0])} to ${plain(state.window[1])} eV count`);
  if (state.hull != null) found.push(`up to ${plain(state.hull)} eV/atom above the hull`);
  if (state.price != null) found.push(`up to ${state.price.toLocaleString("en")} USD/kg`);
  return found;
}

// A range of gaps in words; what is below 0.3 eV is a metal's.
export function range([low, high]) {
  const plain = (value) => String(Math.round(value * 100) / 100);
  if (!low && high != null && high <= 0.3) return "of a metal";
  if (high == null) return `of at least ${plain(low)} eV`;
  return low ? `${plain(low)} to ${plain(high)} eV` : `below ${plain(high)} eV`;
}
