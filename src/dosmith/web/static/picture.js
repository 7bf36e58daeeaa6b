// The plot as a picture to take away: SVG, or PNG made of it.

import { colour, number, save } from "./dom.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [900, 480, 66, 18, 18, 88];
const XML = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const text = (words) => words.replace(/[&<>]/g, (c) => XML[c]);

export async function download(form, curves, { facts, name, window: counted }) {
  const drawing = svg(curves, facts.energies, counted), file = (name || "dos").replace(/ \*$/, "-edited").replace(/[^\w.-]+/g, "_");
  if (form === "svg") return save(drawing, `${file}.svg`, "image/svg+xml");
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawing)}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 2 * WIDTH, height: 2 * HEIGHT });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return save(await new Promise((done) => canvas.toBlob(done)), `${file}.png`, "image/png");
}

function svg(curves, E, counted) {
  const highest = 1.08 * Math.max(...curves.flatMap(({ values }) => values));
  const x = (e) => LEFT + ((e - E[0]) / (E.at(-1) - E[0])) * (WIDTH - LEFT - RIGHT), y = (v) => TOP + (1 - v / highest) * (HEIGHT - TOP - BOTTOM);
  const at = (v, i) => `${x(E[i]).toFixed(1)} ${y(v).toFixed(1)}`;
  const path = (values) => `M${values.map(at).join("L")}`;
  const step = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2].find((each) => highest / each < 6) ?? 5;
  const rows = Array.from({ length: Math.floor(highest / step) + 1 }, (_, i) => i * step);
  const columns = E.filter((e) => Math.abs(e - Math.round(e)) < 1e-6);
  const ink = colour("--ink"), soft = colour("--soft"), rule = colour("--rule"), base = HEIGHT - BOTTOM;
  const label = (px, py, words, more = "") => `<text x="${px}" y="${py}" fill="${soft}" ${more}>${text(words)}</text>`;
  return [`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="14">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="${colour("--bg")}"/>`,
    counted ? `<rect x="${x(counted[0])}" y="${TOP}" width="${x(counted[1]) - x(counted[0])}" height="${base - TOP}" fill="${colour("--glow")}" fill-opacity=".12"/>` : "",
    ...rows.map((v) => `<path d="M${LEFT} ${y(v)}H${WIDTH - RIGHT}" stroke="${rule}"/>${label(LEFT - 8, y(v) + 5, String(+v.toFixed(3)), 'text-anchor="end"')}`),
    ...columns.map((e) => label(x(e), base + 20, number(e, 0), 'text-anchor="middle"')),
    `<path d="M${x(0)} ${TOP}V${base}" stroke="${soft}" stroke-dasharray="3 3"/>`,
    `<path d="${path(curves[0].values)}L${x(E.at(-1))} ${base}L${x(E[0])} ${base}Z" fill="${colour("--target")}" fill-opacity=".16"/>`,
    ...curves.filter(({ half_width: half }) => half).map(({ values, half_width: half, hue }) => `<path d="${path(values.map((v, i) => v + half[i]))}L${
      values.map((v, i) => at(Math.max(v - half[i], 0), i)).reverse().join("L")}Z" fill="${colour(hue)}" fill-opacity=".15"/>`),
    ...curves.map(({ values, hue, dash }) => `<path d="${path(values)}" fill="none" stroke="${colour(hue)}" stroke-width="2" stroke-dasharray="${dash.join(" ")}"/>`),
    label((LEFT + WIDTH - RIGHT) / 2, base + 44, "energy from the energy zero (eV)", 'text-anchor="middle"'),
    label(18, (TOP + base) / 2, "DOS (1/eV, unit area)", `text-anchor="middle" transform="rotate(-90 18 ${(TOP + base) / 2})"`),
    ...curves.map(({ name, what, hue, dash }, i) => {
      const left = LEFT + i * ((WIDTH - LEFT - RIGHT) / Math.max(curves.length, 3)), words = i ? `${name}, ${what}` : `${name} (target)`;
      return `<path d="M${left} ${HEIGHT - 18}h28" stroke="${colour(hue)}" stroke-width="2" stroke-dasharray="${dash.join(" ")}"/><text x="${left + 34}" y="${HEIGHT - 13}" fill="${ink}">${text(words)}</text>`;
    }), "</svg>"].join("\n");
}
