// Half a minute around the board: what each part is for, one after the other. Escape ends it.

import { $, make } from "./dom.js";

const STOPS = [
  ["plot", "Drag the curve", "Pull it up or down. The tools above it add a peak, open a gap, or move the whole curve."],
  ["new", "See what is predicted", "Crystals that this library has not computed, ranked anew at each move by the probability that they match."],
  ["known", "Compare with what is known", "Computed materials whose curve is most like yours. They are the ones to beat."],
  ["elements", "Say what may be in it", "Amber elements bring the best candidates. A click requires one, another click forbids it."],
  ["new", "Open a crystal", "A click on a row shows the crystal, with its curve over yours. From there it can be verified by DFT."],
  ["share", "Take it along", "Share copies a link to this board, Report makes a page of it, Save a file."],
];
const APART = 12; // pixels between a part and what is said of it
let at = 0, box = null, from = null;

export function tour() {
  from ??= document.activeElement;
  box ??= build();
  box.show();
  stop(0);
}

function build() {
  const made = make("dialog", { id: "tour", class: "tour", "aria-labelledby": "tour-title", "aria-describedby": "tour-text" },
    make("h2", { id: "tour-title" }), make("p", { id: "tour-text" }),
    make("div", { class: "row" }, make("span", { id: "tour-at", class: "soft" }), make("span", { class: "grow" }),
      make("button", { type: "button", class: "small", id: "tour-end", onclick: end }, "End"),
      make("button", { type: "button", class: "small", id: "tour-back", onclick: () => stop(at - 1) }, "Back"),
      make("button", { type: "button", class: "small primary", id: "tour-next", onclick: () => (at + 1 < STOPS.length ? stop(at + 1) : end()) })));
  made.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); end(); } });
  document.body.append(made);
  addEventListener("resize", place);
  addEventListener("scroll", place, { passive: true });
  return made;
}

const part = () => $(STOPS[at][0]);

function stop(to) {
  part().classList.remove("shown");
  at = to;
  const [, title, words] = STOPS[at];
  $("tour-title").textContent = title;
  $("tour-text").textContent = words;
  $("tour-at").textContent = `${at + 1} of ${STOPS.length}`;
  $("tour-back").disabled = at === 0;
  $("tour-next").textContent = at + 1 < STOPS.length ? "Next" : "Done";
  part().classList.add("shown");
  part().scrollIntoView({ block: "nearest" });
  place();
  $("tour-next").focus({ preventScroll: true });
}

// Below the part, or above it, or beside it where neither has room.
function place() {
  if (!box.open) return;
  const it = part().getBoundingClientRect(), { offsetWidth: wide, offsetHeight: high } = box;
  const below = it.bottom + APART, above = it.top - APART - high, room = (top) => top >= APART && top + high + APART <= innerHeight;
  const aside = !room(below) && !room(above);
  const left = aside ? it.left - APART - wide : it.left + (it.width - wide) / 2;
  const top = room(below) ? below : room(above) ? above : Math.max(it.top, APART);
  box.style.left = `${Math.min(Math.max(left, APART), Math.max(innerWidth - wide - APART, APART))}px`;
  box.style.top = `${Math.min(top, innerHeight - high - APART)}px`;
}

function end() {
  part().classList.remove("shown");
  box.close();
  (from?.isConnected && from.offsetParent ? from : $("plot")).focus({ preventScroll: true });
  from = null;
}
