// Which states the curve is of: all, those of an element and orbital, or of one spin.

import * as api from "./api.js";
import { $, make, number, tell } from "./dom.js";
import { commit, state } from "./state.js";

const ORBITALS = ["s", "p", "d", "f"];
const inWords = (part) => (["up", "down"].includes(part) ? `spin ${part}` : part.replace(":", " "));

export function setUp(take) {
  $("part").addEventListener("change", () => {
    const part = $("part").value, edited = state.name.endsWith("*");
    const there = state.of && !edited && (!part || state.parts.includes(part));
    if (!there) return commit({ part }); // the curve at hand is declared to be of these states
    return take(() => api.byName(state.of, $("zero").value, part), part ? `the ${inWords(part)} states` : state.of).catch((error) => { tell(error.message); show(); });
  });
}

export function show() {
  const option = (part) => make("option", { value: part }, part ? inWords(part) : "all");
  const group = (label, parts) => (parts.length ? [make("optgroup", { label }, ...parts.map(option))] : []);
  const others = [...ORBITALS, ...(state.part && ![...ORBITALS, ...state.parts].includes(state.part) ? [state.part] : [])];
  $("part").replaceChildren(option(""), ...group("of the target", state.parts), ...group("take the curve as that of", others));
  $("part").value = state.part;
}

// What the band that is being bent comes to.
export const told = (band) => [`${inWords(state.part)} states only`, ...(band ? [`band centre ${number(band.centre, 2)} eV`, `width ${number(band.width, 2)} eV`,
  `${Math.round(100 * band.filling)} % filled`, `upper edge ${number(band.upper_edge, 1)} eV`] : [])].join(" \u00b7 ");
