// Small helpers to build the page.

export const $ = (id) => document.getElementById(id);

// Elements by tag, attributes and children; text is always text.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value == null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// A formula with its counts as subscripts; any other text as it is.
export function formula(text) {
  if (!/^(?:[A-Z][a-z]?\d*)+$/.test(text)) return [text];
  return text.split(/(\d+)/).filter(Boolean).map((part) => (/\d/.test(part) ? make("sub", {}, part) : part));
}

export function prototype(text) {
  const [, name, index] = /^([A-Za-z]+\d*)_\{?([0-9a-z]{1,3})\}?$/.exec(text ?? "") ?? [];
  return name ? [name, make("sub", {}, index)] : [(text ?? "").split(" ")[0]]; // "P4/mmm AB2C" stands beside its formula
}

// A symbol with what people call it, "B1 rock salt"; in place of a label of the AFLOW library the name alone: "anatase", "AuCu type".
export function calling(text, names) {
  const name = names?.[text];
  if (name && /^[A-Z\d]+_[a-z][A-Z]\d+_\d+_/i.test(text)) return [/^[A-Z]/.test(name) ? `${name} type` : name];
  return [...prototype(text), name ? ` ${name}` : ""];
}

export const number = (value, digits) => value.toFixed(digits).replace(/^-(?=0(\.0*)?$)/, "").replace("-", "\u2212");
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function price(value) {
  if (value == null) return "\u2013";
  if (value >= 9950) return `$${Math.round(value / 1000)}k`;
  if (value >= 995) return `$${(value / 1000).toFixed(1)}k`;
  return value >= 9.95 ? `$${Math.round(value)}` : `$${value.toFixed(value < 0.1 ? 2 : 1)}`;
}

// What the server says begins in the middle of a sentence; a name like vasprun.xml stays as it is.
export const sentence = (words) => (/^[a-z]+[ ,;']/.test(words) ? words[0].toUpperCase() + words.slice(1) : words);

// Whether these are about to change; readers of the screen wait until they have.
export const busy = (yes, ...ids) => ids.forEach((id) => $(id).setAttribute("aria-busy", String(yes)));

export function save(content, name, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

const problem = $("problem");
let timer;
// What went wrong, in a line that goes away by itself, with what may be done about it; an empty one takes it away. What is "busy" stays.
export function tell(message, kind = "bad", ...also) {
  clearTimeout(timer);
  problem.hidden = !message;
  problem.replaceChildren(sentence(message), ...also);
  problem.dataset.kind = kind;
  if (message && kind !== "busy") timer = setTimeout(() => tell(""), also.length ? 60000 : kind === "bad" ? 12000 : 4000);
}
