// Puts the board together: targets come in, answers go out to the lists, the table and the maps.

import * as api from "./api.js";
import { facts, first, START } from "./begin.js";
import * as card from "./card.js";
import { area } from "./curves.js";
import { $, busy, formula, make, number, save, sentence, tell } from "./dom.js";
import * as editor from "./editor.js";
import * as elements from "./elements.js";
import * as jobs from "./jobs.js";
import * as limits from "./limits.js";
import * as lists from "./lists.js";
import * as maps from "./maps.js";
import { announce, asText, commit, fromLink, fromText, link, namedQuery, on, query, recall, state } from "./state.js";
import * as states from "./states.js";
import * as targets from "./targets.js";
import * as welcome from "./welcome.js";

const FAST = 80; // milliseconds from hand to table above which nothing is animated
const SAID_AFTER = 700; // milliseconds of rest after which the ranking is read out
let dirty = false, asking = false, last = null, resting, took = Infinity;
let taking = 0;
let covered = null; // the energies that count because a target tells no others

history.scrollRestoration = "manual"; // what one looks for after a reload is above

async function start() {
  state.facts = await facts;
  state.values = state.facts.energies.map(() => 0);
  on("change", () => { dirty = true; busy(true, "new", "known"); caption(); if (!asking) ask(); }); // first of all: others draw while the server works
  fillControls();
  editor.setUp();
  elements.setUp();
  limits.setUp();
  maps.setUp();
  jobs.setUp(card.open);
  card.setUp();
  lists.onOpen(card.open);
  lists.setUp();
  targets.setUp(take);
  states.setUp(take);
  welcome.setUp();
  on("commit", controls);
  on("computed", (job) => tell(`${job.formula} is computed and stands among the known crystals now.`, "good"));
  on("say", (text) => { $("spoken").textContent = text; });
  inputs();
  $("footer").textContent = `dosmith ${state.facts.version} \u00b7 ${state.facts.spectra.toLocaleString("en")} computed spectra, ${state.facts.library}`
    + `${state.facts.candidates ? ` \u00b7 ${state.facts.candidates.toLocaleString("en")} predicted crystals` : ""} \u00b7 model ${state.facts.model}`
    + " \u00b7 curves by uPlot (MIT), crystals by 3Dmol.js (BSD-3-Clause) \u00b7 prices of 2013, for orders of magnitude";
  let broken = "";
  if (recall()) return undefined;
  try {
    if (location.hash.length > 1) return commit(fromLink(location.hash));
  } catch (error) { broken = error.message; }
  await take(() => first ?? api.byName(START), START).catch(() => commit({ values: flat(), name: "drawn", source: "drawn by hand" }));
  if (broken) tell(broken);
  return undefined;
}

// Ask, show, and ask again if the curve has changed meanwhile: one question is under way at a time, and the newest wins.
async function ask() {
  asking = true;
  try { while (dirty) await round(); } finally { asking = false; }
  busy(false, "new", "known");
}

async function round() {
  dirty = false;
  const changed = state.changedAt;
  try {
    const answer = await api.answer(query());
    show(answer);
    await new Promise((painted) => requestAnimationFrame(painted));
    performance.measure("answer", { start: changed, end: performance.now() });
    clocked(answer);
  } catch (error) {
    if (!(error instanceof api.Refused)) throw error;
    tell(error.message);
  }
}

function show(answer) {
  last = answer;
  caption();
  lists.show("new", answer.new, answer.notes[0] ?? "Nothing.", took < FAST);
  lists.show("known", answer.known, "No known material satisfies the constraints.", took < FAST);
  elements.show(answer.heat);
  maps.light();
  card.refresh();
  notes(answer);
  announce("shown");
  clearTimeout(resting);
  resting = setTimeout(() => { $("spoken").textContent = summary(answer); }, SAID_AFTER);
  document.documentElement.dataset.answered = String(Number(document.documentElement.dataset.answered ?? 0) + 1);
}

const summary = ({ known, new: fresh }) => [state.name.endsWith("*") ? "Edited" : state.name,
  fresh[0] ? `best predicted crystal ${fresh[0].formula}${fresh[0].probability == null ? "" : `, ${Math.round(100 * fresh[0].probability)} percent`}` : "no predicted crystal",
  known[0] ? `most similar known material ${known[0].formula}, ${number(known[0].similarity, 2)}` : "no known material"].join("; ");

function clocked(answer) {
  const first = took === Infinity; // it waited for the page itself
  if (first) performance.mark("ready"); // benchmarks/board.py asks for it
  took = performance.getEntriesByName("answer").at(-1).duration;
  const crystals = state.facts.candidates ? `${(state.facts.candidates + state.facts.spectra).toLocaleString("en")} crystals ranked` : "ranked";
  $("speed").textContent = `${crystals} in ${answer.milliseconds.toFixed(1)} ms${first ? "" : `, on the screen after ${Math.round(took)} ms`}`;
}

function notes(answer) {
  const lines = answer.notes.map((note) => make("p", {}, note));
  if (answer.gap && Math.abs(answer.zero) > 0.12) {
    lines.push(make("p", {}, `The curve has a gap of ${number(answer.gap, 1)} eV, whose lower edge is at ${number(answer.zero, 1)} eV. Insulators are compared with that edge at zero. `,
      make("button", { type: "button", class: "link", onclick: async () => {
        const { shift } = await import("./curves.js");
        commit({ values: shift(state.values, state.facts.energies, -answer.zero), ...editor.edited() });
      } }, "move the curve")));
  }
  const gaps = otherGaps(answer);
  if (gaps) lines.push(gaps);
  $("notes").replaceChildren(...lines);
}

// A curve hardly shows whether a gap is there: what is listed may have another one than is wished.
function otherGaps({ new: rows, gap, alike, other_gaps: others }) {
  const curve = gap ? `a gap of ${number(gap, 1)} eV` : "no gap", asked = state.gap && limits.range(state.gap);
  const some = `${others === rows.length ? (others > 1 ? `All ${others}` : "The") : `${others} of these ${rows.length}`} predicted crystal${rows.length > 1 ? "s" : ""}`;
  if (asked) {
    const outside = gap < (state.gap[0] ?? 0) || gap >= (state.gap[1] ?? Infinity);
    const words = [outside ? `The curve itself has ${curve}; a gap ${asked} was asked for. ` : "",
      others ? `${some} may well have another gap than ${asked}: predicted gaps are as uncertain as that.` : ""].join("");
    return words ? make("p", {}, words) : null;
  }
  if (!others || !state.facts.limited) return null;
  const like = alike[0] ? alike.map((value) => Number(value.toFixed(1))) : [null, alike[1]];
  return make("p", {}, `${some} probably ${others > 1 ? "have" : "has"} another gap than the curve, which has ${curve}. `,
    make("button", { type: "button", class: "link", id: "gap-as-drawn", onclick: () => commit({ gap: like }) }, `ask for a gap ${limits.range(like)}`));
}

let captioned = "";
function caption() {
  if (captioned !== state.name) $("target").replaceChildren(...formula(state.name.replace(/ \*$/, "") || "drawn"), ...(state.name.endsWith("*") ? [make("small", {}, " edited")] : []));
  captioned = state.name;
  const whole = area(state.values, state.facts.energies);
  const gap = state.part ? states.told(last?.band) : last?.gap ? `gap ${number(last.gap, 1)} eV` : "no gap";
  const counted = state.window ? `only ${number(state.window[0], 1)} to ${number(state.window[1], 1)} eV counts` : state.weights ? "weighted" : "";
  $("target-facts").textContent = [state.source, Math.abs(whole - 1) > 0.005 ? `area ${number(whole, 2)}, compared as 1` : "",
    gap, `broadening ${state.facts.broadening} eV`, counted].filter(Boolean).join(" \u00b7 ");
}

// A target from the server; what was asked for is told while it is read, and what is asked for later goes before it.
async function take(ask_, what) {
  const mine = ++taking;
  tell(`reading ${what} \u2026`, "busy");
  let found, refused;
  try { found = await ask_(); } catch (error) { refused = error; }
  if (mine !== taking) return;
  tell("");
  if (refused) throw refused;
  const window = found.covered_ev ?? (String(state.window) === String(covered) ? null : state.window); // what the last target lacked, this one may tell
  covered = found.covered_ev ?? null;
  commit({ values: found.values, name: found.name, source: found.source, window, part: found.counted ?? "", parts: found.parts ?? [], of: found.material_id ?? "" });
  targets.others(found);
}

// What was refused changes nothing, and the board says so.
const still = (message) => `${message}${/[.?!]$/.test(message) ? "" : "."} The board still shows ${state.name.replace(/ \*$/, ", edited") || "its curve"}.`;

const flat = () => state.facts.energies.map((e) => (e < 0 && e > -6 ? 1 : 0.35));

function inputs() {
  $("name-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = $("name").value.trim();
    tell("");
    if (!text) return;
    try { await targets.named(text); } catch (error) { tell(still(error.message), "bad", ...(await targets.instead(text))); }
  });
  $("open").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => { if ($("file").files[0]) file($("file").files[0]); $("file").value = ""; });
  $("empty").addEventListener("click", () => commit({ values: flat(), name: "drawn", source: "drawn by hand", window: null, weights: null, part: "", parts: [], of: "" }));
  $("share").addEventListener("click", async () => {
    const url = location.href.split("#")[0] + link();
    history.replaceState(null, "", link());
    await navigator.clipboard?.writeText(url).then(() => tell("The link to this board is copied; whoever opens it at their own board sees the same.", "good"),
      () => tell("The address bar holds the link to this board.", "good"));
  });
  $("save").addEventListener("click", () => save(asText(), `${(state.name || "board").replace(/[^\w.-]+/g, "_")}.dosmith.json`, "application/json"));
  $("report").addEventListener("click", async () => {
    try { save(await api.report(namedQuery()), "report.html", "text/html"); } catch (error) { tell(error.message); }
  });
  for (const [id, field] of [["system", "system"], ["ratio", "ratio"], ["count", "count"], ["metric", "metric"]]) {
    $(id).addEventListener("change", () => commit({ [field]: $(id).value }));
  }
  pasting();
  dropping();
  // The event's own address: the board may have written its present state into the bar meanwhile.
  addEventListener("hashchange", (event) => { try { commit(fromLink(new URL(event.newURL).hash)); } catch (error) { tell(error.message); } });
}

// A file with a DOS goes to the server, a saved board is read here.
async function file(found, more = {}) {
  try {
    if (found.size < 100_000 && /^\s*\{\s*"dosmith_board"/.test(await found.slice(0, 40).text())) commit(fromText(await found.text()));
    else await take(() => api.byFile(found, more, $("zero").value), found.name);
    $("fermi-box").close();
  } catch (error) {
    if (/Fermi level/.test(error.message)) askFermi(found, error.message);
    else tell(still(error.message.startsWith(found.name) ? `The file ${error.message}` : error.message));
  }
}

// Some files do not say where the Fermi level is; the person who computed them knows.
function askFermi(found, message) {
  $("fermi-why").textContent = sentence(message);
  $("fermi-go").onclick = () => {
    const [fermi, electrons] = ["fermi-of-file", "electrons-of-file"].map((id) => $(id).value);
    if (fermi !== "" || electrons !== "") file(found, fermi !== "" ? { fermi } : { electrons });
  };
  if (!$("fermi-box").open) $("fermi-box").showModal();
}

function pasting() {
  const box = $("paste-box"), problem = $("paste-problem");
  const value = (id) => ($(id).value === "" ? null : Number($(id).value));
  $("paste").addEventListener("click", () => { problem.hidden = true; box.showModal(); $("columns").focus(); });
  $("paste-cancel").addEventListener("click", () => box.close());
  $("paste-go").addEventListener("click", async () => {
    try {
      await take(() => api.byColumns($("columns").value, value("fermi"), value("electrons"), value("sigma") ?? 0, $("zero").value), "the columns");
      box.close();
    } catch (error) {
      problem.textContent = sentence(error.message);
      problem.hidden = false;
    }
  });
}

function dropping() {
  let depth = 0;
  const show = (visible) => { $("drop").hidden = !visible; };
  addEventListener("dragenter", (event) => { if (event.dataTransfer?.types.includes("Files")) { depth++; show(true); } });
  addEventListener("dragleave", () => { depth = Math.max(depth - 1, 0); if (!depth) show(false); });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    show(false);
    if (event.dataTransfer.files[0]) file(event.dataTransfer.files[0]);
  });
}

function fillControls() {
  const option = (value, text = value) => make("option", { value }, text);
  $("system").replaceChildren(option("", "any"), ...state.facts.crystal_systems.map((each) => option(each)));
  $("ratio").replaceChildren(option("", "any"), ...state.facts.ratios.map((each) => option(each)));
}

function controls() {
  for (const field of ["system", "ratio", "count", "metric"]) $(field).value = state[field];
  states.show();
  elements.show();
}

start().catch((error) => tell(error.message));
