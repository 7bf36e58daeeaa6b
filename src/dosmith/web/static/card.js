// One material: its crystal to turn about, what is known of it, files, and calculations to start.

import * as api from "./api.js";
import { $, colour, formula, make, number, tell } from "./dom.js";
import * as jobs from "./jobs.js";
import { keep, kept } from "./editor.js";
import { asCurve, pin, rowOf } from "./lists.js";
import { announce, on, state } from "./state.js";

let shown = null, viewer = null, library = null;
// The third axis up, a little from the right and from above: a turn by -90 degrees about x, then -26 about y, then 13 about x.
const VIEW = turned(turned(turn(13, 0), turn(-26, 1)), turn(-90, 0));
const SLOW = 400; // milliseconds after which a card is said to be on its way: the first of a rare prototype takes seconds
const TASKS = { relax: "Relax", verify: "Verify by DFT" };

export function setUp() {
  $("card").addEventListener("close", () => { shown = null; pin(null); viewer = null; $("card").replaceChildren(); });
  addEventListener("keydown", (event) => { if (event.key === "Escape" && shown && !document.querySelector("dialog:modal")) $("card").close(); });
  jobs.onChange(refresh);
  on("kept", refresh);
  on("computed", (job) => { if (shown?.kind === "new" && shown.id === job.material) open("known", job.material); });
}

export async function open(kind, id) {
  shown = { kind, id };
  let told = false;
  const slow = setTimeout(() => { told = true; tell(`opening ${id} \u2026`, "busy"); }, SLOW);
  try {
    const found = await api.card(kind, id);
    clearTimeout(slow);
    if (told) tell("");
    if (shown?.id !== id || shown.kind !== kind) return;
    build(found);
    pin({ kind, id });
    const box = $("card");
    if (!box.open) box.show();
    box.querySelector("h2").focus({ preventScroll: true });
    announce("say", `${found.formula} opened`);
    await crystal(found.crystal);
  } catch (error) { clearTimeout(slow); tell(error.message); }
}

function build(card) {
  const facts = (pairs) => make("dl", {}, ...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  const file = (form, word) => make("a", { class: "button", href: api.fileOf(card.kind, card.id, form), download: true }, word);
  const task = (name) => make("button", { type: "button", "data-task": name, disabled: state.facts.jobs[name] != null, title: state.facts.jobs[name] ?? "",
    onclick: () => jobs.start(name, card.kind, card.id) }, TASKS[name], name === "verify" && card.seconds ? make("span", { class: "soft" }, `about ${lasting(card.seconds)}`) : null);
  shown = { ...shown, card };
  $("card").replaceChildren(
    make("div", { class: "head" },
      make("h2", { id: "card-title", tabindex: -1 }, ...formula(card.formula)),
      make("span", { class: `badge ${card.kind}` }, card.kind === "known" ? "computed" : "predicted"),
      make("span", { class: "match", id: "card-match" }),
      make("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => $("card").close() }, "\u00d7")),
    make("div", { class: "columns" }, make("div", {},
      make("div", { class: "crystal", id: "crystal", role: "img", "aria-label": `Crystal of ${card.formula}` }),
      make("p", { class: "atoms", id: "crystal-legend" })), make("div", {},
      make("div", { class: "row tasks" }, make("button", { type: "button", id: "keep", onclick: async () => keep(asCurve(await api.curve(card.kind, card.id, state.part))) }, "Keep curve"), task("relax"), task("verify")),
      make("div", { class: "row" }, file("cif", "CIF"), file("poscar", "POSCAR"), file("csv", "DOS as CSV")),
      make("ul", { class: "jobs", id: "card-jobs" }),
      facts(card.facts))),
    ...(card.others.length ? [make("h3", {}, "Other crystals"), make("p", { class: "row" }, ...card.others.map(([kind, id, name]) =>
      make("button", { type: "button", class: `badge ${kind}`, onclick: () => open(kind, id) }, name)))] : []),
    make("h3", {}, card.kind === "known" ? "Where it comes from" : "How sure this is"), facts(card.provenance));
  refresh();
}

// How well it fits the curve of this moment, and what its calculations are doing.
export function refresh() {
  if (!shown?.card) return;
  const row = rowOf(shown.kind, shown.id);
  $("keep").setAttribute("aria-pressed", String(kept(`${shown.kind} ${shown.id}`)));
  $("card-match").textContent = !row ? "not among those shown in the list"
    : [row.probability == null ? null : `${Math.round(100 * row.probability)}\u2009% probability to match and exist`, row.similarity == null ? null : `similarity ${number(row.similarity, 3)}`,
      row.above_hull == null ? null : `${number(row.above_hull, 2)} eV/atom above the hull`].filter(Boolean).join(" \u00b7 ");
  $("card-jobs").replaceChildren(...jobs.of(shown.kind, shown.id).map((job) => jobs.item(job, false)));
}

async function crystal(found) {
  const box = $("crystal");
  if (!found) {
    box.replaceChildren(make("p", { class: "none" }, "Its crystal is not known."));
    return;
  }
  try {
    library ??= load("vendor/3Dmol-min.js");
    await library;
    if (!box.isConnected) return;
    viewer = $3Dmol.createViewer(box, { backgroundAlpha: 0, antialias: true, disableFog: true, orthographic: true });
    paint(found);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (box.isConnected) { viewer.removeAllShapes(); paint(found); } });
    box.dataset.drawn = "yes";
  } catch {
    box.replaceChildren(make("p", { class: "none" }, "This browser cannot draw crystals (no WebGL); the files below hold it."));
  }
}

function paint(found) {
  const at = ([x, y, z]) => ({ x, y, z });
  const colours = apart([...new Set(found.atoms.map(({ symbol }) => symbol))]);
  const lengths = found.bonds.map(([i, j]) => Math.hypot(...found.atoms[i].position.map((x, k) => x - found.atoms[j].position[k])));
  const names = found.atoms.length <= 24;
  const radius = 0.2 * (lengths.length ? Math.min(...lengths) : 2.5);
  for (const { symbol, position } of found.atoms) viewer.addSphere({ center: at(position), radius, color: colours[symbol], quality: 3 });
  if (names) for (const { symbol, position } of found.atoms) viewer.addLabel(symbol, { position: at(position), alignment: "center", fontSize: 12, fontColor: inkOn(colours[symbol]), backgroundOpacity: 0, inFront: true });
  for (const [i, j] of found.bonds) {
    const [one, other] = [found.atoms[i].position, found.atoms[j].position];
    const middle = one.map((x, k) => (x + other[k]) / 2);
    for (const [end, atom] of [[one, i], [other, j]]) viewer.addCylinder({ start: at(end), end: at(middle), radius: radius * 0.16, color: colours[found.atoms[atom].symbol] });
  }
  const [a, b, c] = found.lattice, sum = (...vectors) => [0, 1, 2].map((k) => vectors.reduce((s, v) => s + v[k], 0));
  const O = [0, 0, 0];
  for (const [from, along] of [[O, a], [O, b], [O, c], [a, b], [a, c], [b, a], [b, c], [c, a], [c, b], [sum(a, b), c], [sum(a, c), b], [sum(b, c), a]]) {
    viewer.addCylinder({ start: at(from), end: at(sum(from, along)), radius: radius * 0.06, color: colour("--soft") });
  }
  viewer.zoomTo();
  viewer.setView([...viewer.getView().slice(0, 4), ...VIEW]);
  viewer.zoom(1.75);
  viewer.render();
  $("crystal-legend").replaceChildren(...Object.entries(colours).map(([symbol, value]) => {
    const dot = make("i", { class: "dot" });
    dot.style.background = value;
    return make("span", {}, dot, symbol);
  }), make("span", { class: "soft" }, "conventional cell; drag to turn"));
}

// Colours that can be told apart: where an element's own is too near to another's, a spare one.
function apart(symbols) {
  const taken = {}, spare = ["#e69f00", "#cc79a7", "#56b4e9", "#f0e442"];
  const rgb = (text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
  const near = (one, other) => Math.hypot(...rgb(one).map((v, i) => v - rgb(other)[i])) < 90;
  for (const symbol of symbols) taken[symbol] = [hue(symbol), ...spare].find((each) => !Object.values(taken).some((other) => near(each, other))) ?? hue(symbol);
  return taken;
}
const inkOn = (text) => (parseInt(text.slice(1, 3), 16) * 0.3 + parseInt(text.slice(3, 5), 16) * 0.59 + parseInt(text.slice(5, 7), 16) * 0.11 > 130 ? "#14181b" : "#ffffff");
const lasting = (seconds) => (seconds < 90 ? `${Math.max(Math.round(seconds / 10), 1) * 10} s` : `${Math.round(seconds / 60)} min`);

const hue = (symbol) => `#${($3Dmol.elementColors.Jmol[symbol] ?? 0x999999).toString(16).padStart(6, "0")}`;

const load = (address) => new Promise((done, failed) => document.head.append(make("script", { src: address, onload: done, onerror: failed })));

// Quaternions (x, y, z, w).
function turn(degrees, axis) {
  const half = (degrees * Math.PI) / 360;
  return [0, 1, 2, 3].map((i) => (i === axis ? Math.sin(half) : i === 3 ? Math.cos(half) : 0));
}
function turned([a, b, c, d], [x, y, z, w]) {
  return [d * x + a * w + b * z - c * y, d * y - a * z + b * w + c * x, d * z + a * y - b * x + c * w, d * w - a * x - b * y - c * z];
}
