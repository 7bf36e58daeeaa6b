// What is asked for at once, while the rest of the page is still being read.

import * as api from "./api.js";

export const START = "Pt3Ni";
export const facts = api.board();
export const first = location.hash.length > 1 ? null : api.byName(START); // a link brings its own target
for (const asked of [facts, first]) asked?.catch(() => {}); // who waits for them tells of it
