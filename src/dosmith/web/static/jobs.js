// Calculations in the background: the server keeps them, the page only looks.

import * as api from "./api.js";
import { cosine } from "./curves.js";
import { $, formula, make, number, tell } from "./dom.js";
import { keep, kept, overlay } from "./editor.js";
import { announce, change, state } from "./state.js";

const EVERY = 1500; // milliseconds between looks while something runs
const NAMES = { relax: "relaxing", verify: "computing by DFT" };
const DONE = { relax: "relaxed", verify: "computed by DFT" };
let all = null, timer, open;
const listeners = [];

export const onChange = (listener) => listeners.push(listener);
export const of = (kind, id) => (all ?? []).filter((job) => job.material === id && [job.kind, home(job)].includes(kind));

// Where its material stands: a predicted crystal that has been computed is known.
const home = (job) => (moved(job) ? "known" : job.kind);
const moved = (job) => job.kind === "new" && job.task === "verify" && job.state === "done";

// open(kind, id) shows a material.
export function setUp(toOpen) {
  open = toOpen;
  $("jobs-link").addEventListener("click", (event) => { event.preventDefault(); $("jobs-section").scrollIntoView(); }); // the address holds the board
  look();
}

async function look() {
  clearTimeout(timer);
  const before = all;
  try { all = await api.jobs(); } catch { all ??= []; /* it will answer again, or the ranking tells */ }
  $("jobs-section").hidden = !all.length;
  const busy = all.filter(active).length;
  $("jobs-link").hidden = !all.length;
  $("jobs-link").textContent = busy ? `${busy} running` : `${all.length} calculation${all.length > 1 ? "s" : ""}`;
  $("jobs-link").classList.toggle("busy", busy > 0);
  $("jobs").replaceChildren(...all.map((job) => item(job, true)));
  listeners.forEach((listener) => listener());
  if (before) changes(before);
  if (all.some(active)) timer = setTimeout(look, EVERY);
}

// What has been computed since the last look is known from now on; what was forgotten is not any more.
function changes(before) {
  const were = new Set(before.filter(moved).map(({ id }) => id)), are = all.filter(moved);
  const fresh = are.filter(({ id }) => !were.has(id));
  if (fresh.length) announce("computed", fresh[0]);
  if (fresh.length || are.length < were.size) change({});
}

const active = (job) => job.state === "waiting" || job.state === "running";

export async function start(task, kind, id) {
  try { await api.startJob(task, kind, id); } catch (error) { tell(error.message); }
  await look();
}

async function stop(id) {
  try { await api.stopJob(id); } catch (error) { tell(error.message); }
  await look();
}

export function item(job, named) {
  const facts = job.facts.map(([name, value]) => `${name.toLowerCase()} ${value}`).join(" \u00b7 ");
  const compared = make("span", { class: "compared" });
  comparison(job).then((text) => { compared.textContent = text; }, () => {});
  const entry = make("li", { class: `job ${job.state}`, "data-job": job.id, "data-state": job.state },
    make("div", { class: "row" },
      make("span", { class: "state", "aria-hidden": "true" }),
      named ? make("button", { type: "button", class: "material", onclick: () => open(home(job), job.material) }, make("b", {}, ...formula(job.formula)), make("small", {}, job.material)) : null,
      make("span", { class: "doing" }, job.state === "done" ? DONE[job.task] : `${NAMES[job.task]}${job.state === "running" ? "" : `: ${job.state}`}`),
      make("span", { class: "soft" }, job.state === "done" ? "" : job.progress),
      make("span", { class: "grow" }), make("span", { class: "soft time" }, clock(job.seconds)),
      ...job.files.map((name) => make("a", { class: "button small", href: api.jobFile(job.id, name), download: true }, name)),
      make("button", { type: "button", class: "small", onclick: () => stop(job.id) }, active(job) ? "Stop" : "Remove")),
    facts || job.values ? make("p", { class: "soft" }, compared, facts && job.values ? " \u00b7 " : "", facts) : null);
  if (job.values) {
    const over = { key: `job ${job.id}`, values: job.values, half_width: null, hue: "--done-line", name: job.formula, what: DONE[job.task] };
    const show = make("button", { type: "button", class: "small", "aria-pressed": String(kept(over.key)), onclick: () => { keep(over); show.setAttribute("aria-pressed", String(kept(over.key))); } }, "Keep curve");
    entry.querySelector(".time").after(show);
    entry.addEventListener("pointerenter", () => overlay(over));
    entry.addEventListener("pointerleave", () => overlay(null));
  }
  return entry;
}

// How a computed DOS compares with what was predicted and with the curve of this moment.
async function comparison(job) {
  if (!job.values) return "";
  const words = [`${job.task === "relax" ? "DOS expected after relaxation: " : ""}cosine ${number(cosine(job.values, state.values), 3)} to your curve`];
  if (job.kind === "new") words.push(`${number(cosine(job.values, (await api.curve(job.kind, job.material)).values), 3)} to the prediction`);
  return words.join(", ");
}

function clock(seconds) {
  const s = Math.round(seconds);
  return s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
