// The periodic table: it lights up where the promise is, and says which elements may take part.

import { $, make, number } from "./dom.js";
import { announce, commit, state } from "./state.js";

const ROWS = [
  "H . . . . . . . . . . . . . . . . He",
  "Li Be . . . . . . . . . . B C N O F Ne",
  "Na Mg . . . . . . . . . . Al Si P S Cl Ar",
  "K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr",
  "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe",
  "Cs Ba La Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn",
  ". . . Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu .",
];
const APART = 6; // the row of the lanthanides
const NEXT = { undefined: "require", require: "forbid", forbid: undefined };
const WORDS = { undefined: "allowed", require: "required", forbid: "forbidden" };
const cells = new Map();
let heat = { kind: "probability", values: {} };

export function setUp() {
  const known = new Set(state.facts.elements);
  ROWS.forEach((row, y) => row.split(" ").forEach((symbol, x) => {
    if (symbol === "." || !known.has(symbol)) return;
    const cell = make("button", { type: "button", class: "element", "data-symbol": symbol, tabindex: cells.size ? -1 : 0,
      onclick: () => cycle(symbol),
      oncontextmenu: (event) => { event.preventDefault(); set(symbol, state.elements[symbol] === "forbid" ? undefined : "forbid"); },
      onkeydown: (event) => move(event, symbol),
    }, symbol);
    cell.style.gridArea = `${y + 1} / ${x + 1}`;
    cell.classList.toggle("apart", y === APART);
    cells.set(symbol, { cell, x, y });
    $("elements").append(cell);
  }));
  $("elements").style.setProperty("--columns", 1 + Math.max(...[...cells.values()].map(({ x }) => x), 0));
  $("allow-all").addEventListener("click", () => commit({ elements: {} }));
  $("forbid-all").addEventListener("click", () => commit({ elements: Object.fromEntries([...cells.keys()].map((s) => [s, "forbid"])) }));
}

export const cycle = (symbol) => set(symbol, NEXT[state.elements[symbol]]);

function set(symbol, what) {
  const elements = { ...state.elements };
  if (what) elements[symbol] = what;
  else delete elements[symbol];
  commit({ elements });
  announce("say", `${symbol} ${WORDS[what]}`);
}

export function show(found) {
  heat = found ?? heat;
  $("heat-name").textContent = !Object.keys(heat.values).length ? "" : heat.kind === "probability"
    ? "amber: probability of the best predicted crystal" : "amber: similarity of the best predicted crystal";
  const highest = Math.max(...Object.values(heat.values), 0.01);
  $("heat-scale").textContent = heat.kind === "probability" ? `0 to ${Math.round(100 * highest)}\u2009%` : `0 to ${number(highest, 2)}`;
  for (const [symbol, { cell }] of cells) {
    const value = heat.values[symbol] ?? 0;
    const what = state.elements[symbol];
    const title = `${symbol}: ${heat.kind} ${number(value, 2)}, ${WORDS[what]}`, glow = Math.round(50 * light(value, highest)) * 2;
    if (cell.title === title && cell.glow === glow) continue;
    cell.glow = glow;
    cell.style.setProperty("--heat", `${glow}%`);
    cell.classList.toggle("bright", glow > 58); // where dark letters are the clearer ones in both schemes
    cell.dataset.what = what ?? "allow";
    cell.title = title;
    cell.setAttribute("aria-label", title);
  }
}

// Steep, so that the best stand out also where many are good.
export const light = (value, highest = Math.max(...Object.values(heat.values), 0.01)) => Math.min(value / Math.max(highest, 0.25), 1) ** 6 * (0.35 + 0.65 * highest);
export const heatOf = (symbol) => heat.values[symbol] ?? 0;

function move(event, symbol) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (event.key === "r" || event.key === "f") return set(symbol, state.elements[symbol] === { r: "require", f: "forbid" }[event.key] ? undefined : { r: "require", f: "forbid" }[event.key]);
  if (!step) return undefined;
  event.preventDefault();
  const here = cells.get(symbol);
  const ahead = [...cells.values()].filter(({ x, y }) => (step[0] ? y === here.y && Math.sign(x - here.x) === step[0] : x === here.x && Math.sign(y - here.y) === step[1]));
  ahead.sort((a, b) => Math.abs(a.x - here.x) + Math.abs(a.y - here.y) - Math.abs(b.x - here.x) - Math.abs(b.y - here.y));
  if (!ahead.length) return undefined;
  here.cell.tabIndex = -1;
  ahead[0].cell.tabIndex = 0;
  return ahead[0].cell.focus();
}
