// The two ranked lists. Rows keep their identity, so that one sees them rise and fall.

import * as api from "./api.js";
import { $, calling, formula, make, number, price, save, tell } from "./dom.js";
import { overlay } from "./editor.js";
import { announce, change, state } from "./state.js";

export const HUES = { known: "--known-line", new: "--new-line" };
const rows = { known: new Map(), new: new Map() };
const sorted = { known: null, new: null }; // [field, 1 or -1]; as ranked where null
const MOST = 96; // rows of a list
let open = () => {};
let hovered = null, pinned = null;

export function setUp() {
  for (const kind of ["known", "new"]) {
    for (const head of $(kind).querySelectorAll("th[data-sort]")) {
      head.replaceChildren(make("button", { type: "button", onclick: () => sort(kind, head) }, ...head.childNodes));
    }
    $(`${kind}-csv`).addEventListener("click", () => save(table(kind), `${kind === "new" ? "predicted" : "known"}.csv`, "text/csv"));
    $(`more-${kind}`).addEventListener("click", () => change({ top: state.top < MOST ? Math.min(2 * state.top, MOST) : 12 }));
  }
}

// Once the best first, then the other way round, then as ranked.
function sort(kind, head) {
  const field = head.dataset.sort, first = ["above_hull", "price", "d_band_centre"].includes(field) ? 1 : -1;
  const [was, way] = sorted[kind] ?? [];
  sorted[kind] = was !== field ? [field, first] : way === first ? [field, -first] : null;
  for (const each of $(kind).querySelectorAll("th[data-sort]")) {
    each.removeAttribute("aria-sort");
    if (each === head && sorted[kind]) each.setAttribute("aria-sort", sorted[kind][1] > 0 ? "ascending" : "descending");
  }
  change({});
}

function inOrder(kind, found) {
  if (!sorted[kind]) return found;
  const [field, way] = sorted[kind], value = (row) => row[field] ?? way * Infinity;
  return [...found].sort((one, other) => way * (value(one) - value(other)) || one.rank - other.rank);
}

function table(kind) {
  const columns = { rank: "rank", formula: "formula", id: "id", prototype: "prototype", crystal_system: "crystal_system", similarity: "similarity", probability: "probability",
    gap: "gap_ev", gap_spread: "gap_spread_ev", d_band_centre: "d_band_centre_ev", above_hull: "above_hull_ev_per_atom", price: "price_usd_per_kg" };
  const found = [...$(kind).tBodies[0].rows].map((row) => Object.keys(columns).map((name) => row.material[name] ?? ""));
  return `${[Object.values(columns), ...found].map((row) => row.join(",")).join("\n")}\n`;
}

export const onOpen = (listener) => { open = listener; };

// Rows glide to their new places where the machine keeps up.
export function show(kind, found, none, gliding) {
  found = inOrder(kind, found.map((row, i) => ({ ...row, rank: i + 1 })));
  const alike = found.map(({ similarity }) => similarity).filter((value) => value != null);
  const from = alike.length ? Math.max(Math.floor(20 * Math.min(...alike) - 1e-6) / 20, 0) : 0; // where differences show
  if (found.some((row) => row.d_band_centre != null)) $(kind).classList.add("bands"); // a column of dashes tells nothing
  const body = $(kind).tBodies[0], kept = rows[kind];
  const fresh = new Set();
  const ids = found.map(({ id }) => id);
  const same = ids.length === kept.size && ids.every((id, i) => body.children[i]?.dataset.id === id);
  const before = same || !gliding ? null : new Map([...kept].map(([id, row]) => [id, row.getBoundingClientRect().top]));
  for (const [id, row] of kept) if (!ids.includes(id)) { row.remove(); kept.delete(id); }
  found.forEach((material, i) => {
    let row = kept.get(material.id);
    if (!row) {
      row = build(material);
      kept.set(material.id, row);
      fresh.add(material.id);
    }
    fill(row, material, from);
    if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null);
  });
  if (before) glide(kept, before, fresh);
  const empty = $(kind).nextElementSibling;
  empty.hidden = found.length > 0;
  empty.textContent = none;
  $(kind).hidden = !found.length;
  const bars = $(kind).querySelector("th[data-sort=similarity]");
  bars.title = `${kind === "new" ? "expected similarity" : "similarity of shape alone; it says nothing about chemistry"}; bars begin at ${number(from, 2)}`;
  $(`more-${kind}`).textContent = state.top < MOST ? "show more" : "show fewer";
  $(`more-${kind}`).hidden = found.length < state.top && state.top < MOST;
}

function glide(kept, before, fresh) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const now = new Map([...kept].map(([id, row]) => [id, row.getBoundingClientRect().top]));
  for (const [id, row] of kept) {
    if (fresh.has(id)) row.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 220, easing: "ease-out" });
    else {
      const by = before.get(id) - now.get(id);
      if (Math.abs(by) > 1) row.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], { duration: 240, easing: "cubic-bezier(.2,.8,.2,1)" });
    }
  }
}

function build(material) {
  const cell = (name) => make("td", { class: name });
  const row = make("tr", { "data-kind": material.kind, "data-id": material.id },
    cell("rank"),
    make("th", { scope: "row" }, make("button", { type: "button", class: "material" }, make("b", {}, ...formula(material.formula)),
      make("small", {}, ...calling(material.prototype, state.facts.prototypes), material.here ? make("span", { class: "badge known" }, "computed here") : null))),
    material.kind === "new" ? cell("probability right") : null, cell("similarity"), cell("gap right"), cell("band right"), cell("hull right"), cell("price right"));
  row.querySelector("button").addEventListener("focus", () => hover(material));
  row.querySelector("button").addEventListener("blur", () => hover(null));
  row.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") hover(material); });
  row.addEventListener("pointerleave", () => hover(null));
  row.addEventListener("click", () => open(material.kind, material.id));
  return row;
}

// Only what has changed is written: this runs many times a second.
function fill(row, material, from) {
  row.material = material;
  row.title = [material.prototype, state.facts.prototypes[material.prototype], material.crystal_system].filter(Boolean).join(", ");
  row.said ??= {};
  const set = (name, words, content = () => [words]) => {
    if (row.said[name] === words) return;
    row.said[name] = words;
    row.querySelector(`.${name}`)?.replaceChildren(...content());
  };
  const percent = material.probability == null ? "\u2013" : `${Math.round(100 * material.probability)}\u2009%`;
  const alike = material.similarity == null ? "\u2013" : number(material.similarity, 3);
  set("rank", String(material.rank));
  if (material.kind === "new") set("probability", percent);
  set("similarity", `${alike} ${from}`, () => (material.similarity == null ? [alike] : [bar((material.similarity - from) / (1 - from)), alike]));
  set("gap", material.gap == null ? "\u2013" : number(material.gap, material.gap ? 1 : 0));
  set("band", material.d_band_centre == null ? "\u2013" : number(material.d_band_centre, 2));
  set("hull", material.above_hull == null ? "\u2013" : number(material.above_hull, 2), () => [stability(material)]);
  set("price", price(material.price));
}

// Coloured only where the error of the energy allows: the potential of the predicted ones is wrong by about 0.1 eV/atom.
function stability({ kind, above_hull: height }) {
  if (height == null) return make("span", { title: "unknown: no rival is known" }, "\u2013");
  const [what, words] = kind === "new"
    ? height > 0.2 ? ["poor", "above the hull by more than the potential's error"] : ["", "on the hull or a little above it: the potential's error is about 0.1 eV/atom"]
    : height < 0.025 ? ["good", "on the hull, or as good as"] : height < 0.1 ? ["fair", "a little above the hull"] : ["poor", "far above the hull"];
  return make("span", { class: `stability ${what}`, title: words }, number(height, 2));
}

export function bar(share) {
  const inner = make("i");
  inner.style.width = `${Math.round(100 * Math.min(Math.max(share, 0), 1))}%`;
  return make("span", { class: "bar", "aria-hidden": "true" }, inner);
}

// A material whose curve stays over the target while no other is pointed at, or null.
export function pin(material) {
  pinned = material;
  hover(null);
}

// The material's curve over the target as long as it is pointed at.
export async function hover(material) {
  hovered = material && `${material.kind} ${material.id}`;
  document.querySelectorAll("tr.hovered, .place.hovered").forEach((each) => each.classList.remove("hovered"));
  material ??= pinned;
  if (!material) { announce("pointed"); return overlay(null); }
  hovered = `${material.kind} ${material.id}`;
  for (const each of document.querySelectorAll(`[data-kind="${material.kind}"][data-id="${CSS.escape(material.id)}"]`)) each.classList.add("hovered");
  announce("pointed");
  try {
    const curve = await api.curve(material.kind, material.id, state.part);
    if (hovered === `${material.kind} ${material.id}`) overlay(asCurve(curve));
  } catch (error) {
    if (material.similarity != null) tell(error.message);
  }
  return undefined;
}

// What the plot draws of a material's curve.
export const asCurve = (curve) => ({ ...curve, key: `${curve.kind} ${curve.id}`, hue: HUES[curve.kind], name: curve.formula, what: curve.kind === "new" ? "predicted" : "computed" });

export const rowOf = (kind, id) => rows[kind].get(id)?.material;
