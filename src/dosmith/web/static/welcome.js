// A first visit: examples to begin with, where to drag, and a way to be shown around. It comes once.

import { $, make, tell } from "./dom.js";
import { on, state } from "./state.js";
import { named } from "./targets.js";

const EXAMPLES = [["Pt3Ni", "a catalyst"], ["Pd", "stores hydrogen"], ["MgO", "an insulator"]];
const SEEN = "dosmith-welcomed";

export function setUp() {
  $("examples").replaceChildren(...EXAMPLES.map(([text, why]) => make("button", { type: "button", class: "link", onclick: () => named(text).catch((error) => tell(error.message)) }, `${text}, ${why}`)));
  for (const id of ["tour-start", "tour-again"]) $(id).addEventListener("click", around);
  $("welcome-close").addEventListener("click", () => { over(); $("name").focus(); });
  let seen = false;
  try { seen = localStorage.getItem(SEEN) != null; } catch { /* not allowed */ }
  if (seen) return;
  $("welcome").hidden = false;
  const here = make("span", { class: "here", "aria-hidden": "true" }, "\u2195 drag here");
  $("plot").append(here);
  on("change", () => { if (state.name.endsWith("*")) here.remove(); });
}

// Not to come again by itself.
function over() {
  $("welcome").hidden = true;
  document.querySelector(".here")?.remove();
  try { localStorage.setItem(SEEN, "yes"); } catch { /* then it comes again */ }
}

async function around() {
  const { tour } = await import("./tour.js");
  over();
  tour();
}
