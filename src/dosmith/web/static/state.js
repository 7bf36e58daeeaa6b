// The board's state, its history, and how it travels in a link or a file.

import { normalised } from "./curves.js";

const FIELDS = ["values", "window", "weights", "metric", "system", "ratio", "count", "gap", "hull", "price", "elements", "name", "source", "part", "parts", "of"];
const listeners = new Map();
export const on = (event, listener) => listeners.set(event, [...(listeners.get(event) ?? []), listener]);
export function once(event, listener) {
  let done = false;
  on(event, () => { if (!done) { done = true; listener(); } });
}
const emit = (event, detail) => (listeners.get(event) ?? []).forEach((listener) => listener(detail));
export const announce = emit;

// elements: symbol -> "require" or "forbid"; all others are allowed.
export const state = {
  facts: null, values: [], window: null, weights: null, metric: "cosine", system: "", ratio: "", count: "",
  gap: null, hull: null, price: null, // [least, greatest] in eV, either may be null; eV/atom; USD/kg
  elements: {}, name: "", source: "", top: 12, changedAt: 0,
  part: "", parts: [], of: "", // states that the curve is of, "" for all; those that the material `of` tells
};

const history = [];
const KEPT = 40, PLACE = "dosmith-history"; // steps that survive a reload, of this tab
let at = -1;

const snapshot = () => structuredClone(Object.fromEntries(FIELDS.map((field) => [field, state[field]])));

// While something is being drawn: everybody redraws, nothing is remembered.
export function change(patch) {
  Object.assign(state, patch);
  state.changedAt = performance.now();
  emit("change");
}

// A step that can be undone.
export function commit(patch = {}) {
  if (patch.values || state.values.length) patch = { ...patch, values: normalised(patch.values ?? state.values, state.facts.energies) };
  change(patch);
  history.splice(at + 1, Infinity, snapshot());
  if (history.length > 200) history.shift();
  at = history.length - 1;
  remember();
  emit("commit");
}

function travel(to) {
  if (to < 0 || to >= history.length) return;
  at = to;
  change(structuredClone(history[at]));
  remember();
  emit("commit");
}
export const undo = () => travel(at - 1);
export const redo = () => travel(at + 1);
export const canUndo = () => at > 0;
export const canRedo = () => at < history.length - 1;

export function query() {
  const of = (kind) => Object.keys(state.elements).filter((symbol) => state.elements[symbol] === kind);
  return {
    values: state.values, window: state.window, weights: state.weights, metric: state.metric, part: state.part || null,
    crystal_system: state.system || null, ratio: state.ratio || null, n_elements: state.count ? Number(state.count) : null,
    gap: state.gap, above_hull: state.hull, price: state.price,
    require: of("require"), exclude: of("forbid"), top: state.top,
  };
}
export const namedQuery = () => ({ ...query(), name: state.name.slice(0, 80) || "drawn", source: state.source.slice(0, 300) || "drawn by hand" });

// In a link each level is two bytes, a share of the highest.
function packed(values) {
  if (!values) return null;
  const highest = Math.max(...values) || 1;
  const bytes = new Uint8Array(2 * values.length);
  values.forEach((v, i) => { const code = Math.round((v / highest) * 65535); bytes[2 * i] = code >> 8; bytes[2 * i + 1] = code & 255; });
  return [highest, btoa(String.fromCharCode(...bytes))];
}
function unpacked(pair) {
  if (!Array.isArray(pair)) return null;
  const bytes = Uint8Array.from(atob(pair[1]), (c) => c.charCodeAt(0));
  return Array.from({ length: bytes.length / 2 }, (_, i) => ((bytes[2 * i] << 8) + bytes[2 * i + 1]) / 65535 * pair[0]);
}

export function asText() {
  const plain = { ...snapshot(), values: packed(state.values), weights: packed(state.weights) };
  return JSON.stringify({ dosmith_board: 1, ...plain });
}

// The state in a text, checked; throws an Error in one line.
export function fromText(text) {
  let read;
  try { read = JSON.parse(text); } catch { throw new Error("this is not a saved board"); }
  if (read?.dosmith_board !== 1) throw new Error("this is not a saved board, or one of a newer dosmith");
  const levels = state.facts.energies.length;
  const curve = (pair) => {
    const values = unpacked(pair);
    return values && values.length === levels && values.every((v) => Number.isFinite(v) && v >= 0) ? values : null;
  };
  const values = curve(read.values);
  if (!values) throw new Error(`the saved board has no curve of ${levels} points`);
  const text_ = (value, longest) => (typeof value === "string" ? value.slice(0, longest) : "");
  const elements = Object.fromEntries(Object.entries(read.elements ?? {}).filter(
    ([symbol, what]) => /^[A-Z][a-z]?$/.test(symbol) && ["require", "forbid"].includes(what)));
  const window = Array.isArray(read.window) && read.window.length === 2 && read.window.every(Number.isFinite) ? read.window : null;
  const bound = (value) => (Number.isFinite(value) && value >= 0 ? Math.min(value, 1e6) : null);
  const gap = Array.isArray(read.gap) && read.gap.length === 2 ? read.gap.map(bound) : null;
  return {
    gap: gap && gap[1] != null && gap[1] <= (gap[0] ?? 0) ? null : gap, hull: bound(read.hull), price: bound(read.price),
    values, weights: curve(read.weights), window, elements, name: text_(read.name, 80), source: text_(read.source, 300),
    metric: ["cosine", "tanimoto", "wasserstein"].includes(read.metric) ? read.metric : "cosine",
    part: text_(read.part, 12), parts: (Array.isArray(read.parts) ? read.parts : []).slice(0, 40).map((each) => text_(each, 12)).filter(Boolean), of: text_(read.of, 200),
    system: text_(read.system, 20), ratio: text_(read.ratio, 20), count: text_(read.count, 1),
  };
}

export const link = () => `#${btoa(String.fromCharCode(...new TextEncoder().encode(asText()))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
export function fromLink(fragment) {
  try {
    const bytes = Uint8Array.from(atob(fragment.replace(/^#/, "").replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return fromText(new TextDecoder().decode(bytes));
  } catch { throw new Error("the link does not hold a board; copy the whole link again"); }
}

let waiting;
// The address always holds the board, so that a reload loses nothing.
function remember() {
  clearTimeout(waiting);
  const told = document.documentElement.dataset;
  told.remembered = "not yet";
  waiting = setTimeout(() => {
    window.history.replaceState(null, "", link());
    const from = Math.max(at - KEPT + 1, 0);
    const steps = history.slice(from, from + KEPT).map((step) => ({ ...step, values: packed(step.values), weights: packed(step.weights) }));
    try { sessionStorage.setItem(PLACE, JSON.stringify({ link: link(), at: at - from, steps })); } catch { /* no room, or not allowed */ }
    told.remembered = "yes";
  }, 150);
}

// The steps before a reload, when the address is still what it was then.
export function recall() {
  try {
    const found = JSON.parse(sessionStorage.getItem(PLACE));
    if (found?.link !== location.hash || !found.steps[found.at]) return false;
    history.push(...found.steps.map((step) => ({ ...step, values: unpacked(step.values), weights: unpacked(step.weights) })));
    travel(found.at);
    return true;
  } catch { return false; }
}
