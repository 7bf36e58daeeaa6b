// Two pictures to find one's way by: what stands around the target, and the map of the elements.

import * as api from "./api.js";
import * as card from "./card.js";
import { $, busy, draw, make, number } from "./dom.js";
import * as elements from "./elements.js";
import { hover } from "./lists.js";
import { on, once, query, state } from "./state.js";

const RINGS = [0.98, 0.95, 0.9, 0.8];
const REACH = 66; // of the furthest one; distances go with the square root of 1 - similarity, so that what is near stands apart
const LABELS = 22, WAIT = 220, APART = 9.8;
const places = new Map();
const spots = new Map();
let timer, asked = 0, visible = false, laid = []; // {group, x, y, wide} of each place, the most similar first

export function setUp() {
  on("pointed", label);
  on("change", () => { busy(true, "around"); clearTimeout(timer); timer = setTimeout(around, WAIT); });
  const rings = RINGS.map((similarity) => draw("g", { class: "ring" }, draw("circle"), draw("text", {}, document.createTextNode(String(similarity)))));
  $("around").append(...rings, draw("path", { class: "centre", d: "M-3 0H3M0-3V3" }), draw("g", { id: "places" }));
  once("shown", () => seen($("map"), elementMap)); // before the lists are there it would be in view
  new IntersectionObserver((entries) => { visible = entries.at(-1).isIntersecting; if (visible) light(); }).observe($("map"));
}

// Done when it first comes into view: it takes a second.
function seen(element, act) {
  const observer = new IntersectionObserver((entries) => { if (entries.some((e) => e.isIntersecting)) { observer.disconnect(); act(); } });
  observer.observe(element);
}

async function around() {
  const mine = ++asked, changed = state.changedAt;
  let found;
  try { found = (await api.neighbourhood(query())).places; } catch { /* the lists have told why */ }
  if (mine !== asked) return;
  if (changed === state.changedAt) busy(false, "around");
  if (!found) return;
  found.sort((one, other) => other.similarity - one.similarity);
  const kept = new Set(found.map(({ kind, id }) => `${kind} ${id}`));
  for (const [key, spot] of places) if (!kept.has(key)) { spot.remove(); places.delete(key); }
  const scale = REACH / Math.sqrt(Math.max(...found.map(far), 0.02));
  document.querySelectorAll(".ring").forEach((ring, i) => {
    const r = scale * Math.sqrt(1 - RINGS[i]);
    ring.firstChild.style.r = `${r}px`;
    ring.lastChild.style.transform = `translateY(${-r - 1.2}px)`;
    ring.classList.toggle("outside", r > 72);
  });
  laid = found.map((material, i) => {
    const key = `${material.kind} ${material.id}`, grown = scale / Math.sqrt(far(material) || 1), [x, y] = [material.x * grown, -material.y * grown];
    if (!places.has(key)) places.set(key, spot(material));
    const each = places.get(key);
    each.style.transform = `translate(${x.toFixed(2)}px, ${y.toFixed(2)}px)`;
    each.querySelector("title").textContent = `${material.formula}, ${material.kind === "new" ? "predicted" : "computed"}, similarity ${number(material.similarity, 3)}`;
    each.setAttribute("aria-label", each.querySelector("title").textContent);
    each.tabIndex = i < 12 ? 0 : -1;
    return { group: each, x, y, wide: letter() * material.formula.length + 4 };
  });
  label();
}

const letter = () => (innerWidth < 620 ? 3.6 : 2.4); // width of one, as in parts.css

// Names, as long as none lies over another or over a point; the one that is pointed at goes before all.
function label() {
  const pointed = laid.find(({ group }) => group.classList.contains("hovered"));
  for (const each of laid) each.named = each === pointed;
  const over = (here, other) => other !== here && Math.abs(other.y - here.y) < 1.5 * letter() && other.x > here.x - 1 - (other.named ? other.wide : 0) && other.x < here.x + here.wide + 1;
  let named = 0;
  for (const here of laid) {
    here.named ||= named < LABELS && here.x + here.wide < 98 && !laid.some((other) => over(here, other));
    named += here.named;
    here.group.classList.toggle("named", here.named);
  }
}

const far = (material) => Math.hypot(material.x, material.y);

function spot(material) {
  const { kind, id } = material;
  const group = draw("g", { class: `place ${kind}`, "data-kind": kind, "data-id": id, role: "button" },
    draw("title"), draw("circle", { class: "touch", r: 4 }), draw("circle", { r: kind === "new" ? 1.5 : 1.8 }),
    draw("text", { x: 2.8, y: 1.4 }, document.createTextNode(material.formula)));
  group.addEventListener("click", () => card.open(kind, id));
  group.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); card.open(kind, id); } });
  for (const way of ["pointerenter", "focus"]) group.addEventListener(way, () => hover({ kind, id }));
  for (const way of ["pointerleave", "blur"]) group.addEventListener(way, () => hover(null));
  $("places").append(group);
  return group;
}

async function elementMap() {
  let found;
  try { found = await api.elementMap(); } catch (error) {
    $("map").replaceWith(make("p", { class: "none" }, error.message));
    return;
  }
  $("map-method").textContent = `${found.method}; similar elements are close together`;
  const spread = apart(found.symbols.map((_, i) => ({ x: 10 + 180 * found.x[i], y: 9 + 130 * (1 - found.y[i]) })));
  found.symbols.forEach((symbol, i) => {
    const group = draw("g", { class: "spot", transform: `translate(${spread[i].x.toFixed(1)} ${spread[i].y.toFixed(1)})`, role: "button", tabindex: -1 },
      draw("title"), draw("circle", { r: 4.7 }), draw("text", {}, document.createTextNode(symbol)));
    group.addEventListener("click", () => elements.cycle(symbol));
    spots.set(symbol, group);
    $("map").append(group);
  });
  light();
}

// Points that lie on one another are pushed apart until each can be read.
function apart(points) {
  for (let round = 0; round < 80; round++) {
    for (const [i, one] of points.entries()) for (const other of points.slice(i + 1)) {
      const [dx, dy] = [other.x - one.x, other.y - one.y], distance = Math.hypot(dx, dy) || 0.01;
      const push = Math.max(APART - distance, 0) / 2 / distance;
      one.x -= dx * push; one.y -= dy * push; other.x += dx * push; other.y += dy * push;
    }
    for (const each of points) { each.x = Math.min(Math.max(each.x, 6), 194); each.y = Math.min(Math.max(each.y, 6), 142); }
  }
  return points;
}

// The elements' promise and place in the search, as in the table.
export function light() {
  if (!visible) return;
  for (const [symbol, group] of spots) {
    const value = elements.heatOf(symbol), what = state.elements[symbol] ?? "allow";
    group.style.setProperty("--heat", `${Math.round(100 * elements.light(value))}%`);
    group.classList.toggle("bright", elements.light(value) > 0.55);
    group.dataset.what = what;
    group.querySelector("title").textContent = `${symbol}: ${number(value, 2)}, ${{ allow: "allowed", require: "required", forbid: "forbidden" }[what]}; click to change`;
  }
}
