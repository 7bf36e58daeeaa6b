// What may be a target: suggestions while one types, and other crystals of the same formula.

import * as api from "./api.js";
import { $, calling, make, tell } from "./dom.js";
import { on, state } from "./state.js";

const WAIT = 120; // milliseconds without a key before suggestions are asked for
const byId = new Map(); // "kind id" as typed or chosen -> suggestion
let take = null, timer, shown = "";

export function setUp(toTake) {
  take = toTake;
  $("name").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(suggest, WAIT); });
  $("polymorph").addEventListener("change", () => choose($("polymorph").value).catch((error) => tell(error.message)));
  on("commit", () => { if (!shown || !state.name.startsWith(shown)) $("polymorph-of").hidden = true; });
}

const words = ({ kind, prototype }) => `${calling(prototype, state.facts.prototypes).map((each) => each.textContent ?? each).join("")}, ${kind === "new" ? "predicted" : "computed"}`;

async function ask(text) {
  const found = await api.targets(text);
  for (const each of found) byId.set(`${each.kind} ${each.id}`, each);
  return found;
}

async function suggest() {
  const text = $("name").value.trim();
  if (!text) return $("targets").replaceChildren();
  const found = await ask(text).catch(() => []);
  const known = new Set(found.filter(({ kind }) => kind === "known").map(({ id }) => id));
  return $("targets").replaceChildren(...found.filter(({ kind, id }) => kind === "known" || !known.has(id)).map((each) => make("option", { value: each.id }, `${each.formula}: ${words(each)}`)));
}

// A formula or id as typed: computed if there is one, else what is predicted of that very id.
export async function named(text) {
  const predicted = byId.get(`new ${text}`);
  if (predicted && !byId.has(`known ${text}`)) return choose(`new ${text}`);
  return take(() => api.byName(text, $("zero").value), text);
}

async function choose(key) {
  const [, kind, id] = /^(known|new) (.*)$/.exec(key);
  if (kind === "known") return take(() => api.byName(id, $("zero").value), id);
  return take(async () => {
    const curve = await api.curve(kind, id);
    return { values: curve.values, name: curve.formula, material_id: id, formula: curve.formula, kind, source: `${id}, predicted by dosmith and not computed` };
  }, id);
}

// What could be taken instead of a name that was refused.
export async function instead(text) {
  const found = await ask(text).catch(() => []);
  return found.filter(({ kind, formula }) => kind === "new" && formula === found[0].formula).slice(0, 3).map((each) => make("button", { type: "button", class: "link",
    onclick: () => choose(`new ${each.id}`).catch((error) => tell(error.message)) }, `take the predicted curve of ${each.formula}, ${words(each).replace(", predicted", "")}`));
}

// The other crystals of the target's formula, to choose from.
export async function others(target) {
  $("polymorph-of").hidden = true;
  shown = target.name;
  if (!target.formula || !target.material_id) return;
  const found = (await ask(target.formula).catch(() => [])).filter(({ formula }) => formula === target.formula);
  if (found.length < 2 || shown !== target.name) return;
  $("polymorph").replaceChildren(...found.map((each) => make("option", { value: `${each.kind} ${each.id}` }, words(each))));
  $("polymorph").value = `${target.kind ?? "known"} ${target.material_id}`;
  $("polymorph-of").hidden = false;
}
