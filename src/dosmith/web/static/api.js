// Talks to the server. A refusal becomes an Error whose message is the server's one line.

export class Refused extends Error {}

async function ask(method, path, body, type = "application/json") {
  let response;
  try {
    response = await fetch(`api/${path}`, {
      method, body: type === "application/json" && body !== undefined ? JSON.stringify(body) : body,
      headers: body === undefined ? {} : { "Content-Type": type },
    });
  } catch {
    throw new Refused("the board does not answer; is dosmith web still running?");
  }
  if (!response.ok) {
    const told = await response.json().catch(() => ({}));
    throw new Refused(told.message ?? `the board answered with an error (${response.status})`);
  }
  return response;
}

const json = async (...request) => (await ask(...request)).json();
const material = (kind, id) => new URLSearchParams({ kind, id });

export const board = () => json("GET", "board");
const zeroed = (zero) => (zero ? { zero } : {});  // without one the model's
export const byName = (text, zero = "", part = "") => json("POST", "target/name", { text, ...zeroed(zero), ...(part ? { part } : {}) });
export const targets = (text) => json("GET", `targets?${new URLSearchParams({ text })}`);
export const byFile = (file, more = {}, zero = "") =>
  json("POST", `target/file?${new URLSearchParams({ name: file.name.slice(0, 200), ...more, ...zeroed(zero) })}`, file, "application/octet-stream");
export const byColumns = (text, fermi, electrons, broadening, zero = "") => json("POST", "target/columns", { text, fermi, electrons, broadening, ...zeroed(zero) });
export const answer = (query) => json("POST", "answer", query);
export const neighbourhood = (query) => json("POST", "neighbourhood", query);
export const elementMap = () => json("GET", "elements");
export const report = async (query) => (await ask("POST", "report", query)).text();
export const card = (kind, id) => json("GET", `material?${material(kind, id)}`);
export const fileOf = (kind, id, form) => `api/material/file?${material(kind, id)}&form=${form}`;
export const jobs = () => json("GET", "jobs");
export const startJob = (task, kind, id) => json("POST", "jobs", { task, kind, id });
export const stopJob = (id) => ask("DELETE", `jobs/${encodeURIComponent(id)}`);
export const jobFile = (id, name) => `api/jobs/${encodeURIComponent(id)}/file?${new URLSearchParams({ name })}`;

// A material's curve, or that of a part of its states, never changes, so each is fetched once.
const curves = new Map();
export function curve(kind, id, part = "") {
  const key = `${kind} ${id} ${part}`;
  if (!curves.has(key)) {
    const asked = json("GET", `material/curve?${material(kind, id)}${part ? `&part=${encodeURIComponent(part)}` : ""}`);
    asked.catch(() => curves.delete(key));
    curves.set(key, asked);
  }
  return curves.get(key);
}
