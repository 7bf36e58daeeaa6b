// The two ranked lists. Rows keep their identity, so that one sees them rise and fall.

import * as api from "./api.js";
import { $, formula, make, number, price, prototype, tell } from "./dom.js";
import { overlay } from "./editor.js";

export const HUES = { known: "--known-line", new: "--new-line" };
const rows = { known: new Map(), new: new Map() };
let open = () => {};
let hovered = null, pinned = null;

export const onOpen = (listener) => { open = listener; };

// Rows glide to their new places where the machine keeps up.
export function show(kind, found, none, gliding) {
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
    fill(row, material, i + 1);
    if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null);
  });
  if (before) glide(kept, before, fresh);
  const empty = $(kind).nextElementSibling;
  empty.hidden = found.length > 0;
  empty.textContent = none;
  $(kind).hidden = !found.length;
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
      make("small", {}, ...prototype(material.prototype), material.crystal_system ? ` ${material.crystal_system}` : ""))),
    material.kind === "new" ? cell("probability") : null, cell("similarity"), cell("hull right"), cell("price right"));
  row.querySelector("button").addEventListener("focus", () => hover(material));
  row.querySelector("button").addEventListener("blur", () => hover(null));
  row.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") hover(material); });
  row.addEventListener("pointerleave", () => hover(null));
  row.addEventListener("click", () => open(material.kind, material.id));
  return row;
}

// Only what has changed is written: this runs many times a second.
function fill(row, material, rank) {
  row.material = material;
  row.said ??= {};
  const set = (name, words, content = () => [words]) => {
    if (row.said[name] === words) return;
    row.said[name] = words;
    row.querySelector(`.${name}`)?.replaceChildren(...content());
  };
  const percent = material.probability == null ? "\u2013" : `${Math.round(100 * material.probability)}\u2009%`;
  const alike = material.similarity == null ? "\u2013" : number(material.similarity, 3);
  set("rank", String(rank));
  if (material.kind === "new") set("probability", percent, () => (material.probability == null ? [percent] : [bar(material.probability), percent]));
  set("similarity", alike, () => (material.kind === "new" || material.similarity == null ? [alike] : [bar(material.similarity), alike]));
  set("hull", material.above_hull == null ? "\u2013" : number(material.above_hull, 2), () => (material.above_hull == null ? ["\u2013"] : [stability(material.above_hull)]));
  set("price", price(material.price));
}

const stability = (height) => make("span", { class: `stability ${height < 0.025 ? "good" : height < 0.1 ? "fair" : "poor"}`,
  title: height < 0.025 ? "on the hull, or as good as" : height < 0.1 ? "a little above the hull" : "far above the hull" }, number(height, 2));

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
  if (!material) return overlay(null);
  hovered = `${material.kind} ${material.id}`;
  for (const each of document.querySelectorAll(`[data-kind="${material.kind}"][data-id="${CSS.escape(material.id)}"]`)) each.classList.add("hovered");
  try {
    const curve = await api.curve(material.kind, material.id);
    if (hovered === `${material.kind} ${material.id}`) overlay({ ...curve, hue: HUES[material.kind], name: curve.formula });
  } catch (error) {
    if (material.similarity != null) tell(error.message);
  }
  return undefined;
}

export const rowOf = (kind, id) => rows[kind].get(id)?.material;
