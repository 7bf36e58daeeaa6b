/* Draws the curves of the report. Everything readable is already in the page; this adds the charts and their toggles. */
"use strict";
(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("data").textContent);
  const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
  const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
  const plots = [];

  // Read on every draw, so that a change to dark or to paper needs a redraw only.
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const number = (value, digits) => value.toFixed(digits).replace(/^-(?=0(\.0*)?$)/, "").replace("-", "\u2212");

  function shadeOutsideWindow(u) {
    if (!data.window) return;
    const { left, top, width, height } = u.bbox;
    const at = (energy) => Math.min(Math.max(u.valToPos(energy, "x", true), left), left + width);
    const [lower, upper] = data.window.map(at);
    u.ctx.save();
    u.ctx.fillStyle = colour("--shade");
    u.ctx.fillRect(left, top, lower - left, height);
    u.ctx.fillRect(upper, top, left + width - upper, height);
    u.ctx.restore();
  }

  // What a predicted curve may be off by, behind it.
  function shadeBand(u, curve) {
    if (!curve.half) return;
    const { left, top, width, height } = u.bbox;
    const at = (i, sign) => [
      u.valToPos(data.energies[i], "x", true), u.valToPos(Math.max(curve.values[i] + sign * curve.half[i], 0), "y", true),
    ];
    const order = data.energies.map((_, i) => i);
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.rect(left, top, width, height);
    u.ctx.clip();
    u.ctx.beginPath();
    order.forEach((i) => u.ctx.lineTo(...at(i, 1)));
    order.reverse().forEach((i) => u.ctx.lineTo(...at(i, -1)));
    u.ctx.closePath();
    u.ctx.globalAlpha = 0.22;
    u.ctx.fillStyle = colour(`--c${curve.hue}`);
    u.ctx.fill();
    u.ctx.restore();
  }

  function markZero(u, labelled) {
    const { left, top, width, height } = u.bbox;
    const x = Math.round(u.valToPos(0, "x", true));
    if (x < left || x > left + width) return;
    const px = devicePixelRatio;
    u.ctx.save();
    u.ctx.strokeStyle = u.ctx.fillStyle = colour("--soft");
    u.ctx.lineWidth = px;
    u.ctx.setLineDash([3 * px, 3 * px]);
    u.ctx.beginPath();
    u.ctx.moveTo(x, top);
    u.ctx.lineTo(x, top + height);
    u.ctx.stroke();
    if (labelled) {
      u.ctx.font = `${12 * px}px ${FONT}`;
      u.ctx.textBaseline = "top";
      u.ctx.textAlign = "left";
      u.ctx.fillText("energy zero", x + 6 * px, top + 2 * px);
    }
    u.ctx.restore();
  }

  function axis(label, extra) {
    return {
      stroke: () => colour("--soft"), font: `12px ${FONT}`, labelFont: `13px ${FONT}`, label,
      grid: { show: false }, ticks: { stroke: () => colour("--rule"), width: 1, size: 5 },
      values: (u, splits) => splits.map((v) => String(+v.toFixed(6)).replace("-", "\u2212")), ...extra,
    };
  }

  function series(curve, shown) {
    if (curve.kind === "target") {
      return { label: curve.name, stroke: () => colour("--target"), fill: () => colour("--target-fill"), width: 1.4, points: { show: false } };
    }
    return {
      label: curve.name, show: shown, stroke: () => colour(`--c${curve.hue}`), dash: DASHES[curve.dash], width: 1.9, points: { show: false },
    };
  }

  function draw(box, curves, { large = false, shown = () => true, onCursor = () => {} } = {}) {
    const reach = Math.max(0, ...curves.flatMap(({ values, half }) => (half ? values.map((v, i) => v + half[i]) : []))); // of the bands
    const u = new uPlot({
      width: box.clientWidth, height: box.clientHeight, legend: { show: false },
      padding: [6, 10, 0, large ? 0 : 10],
      scales: { x: { time: false }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(high || 0, large ? 0 : reach) * (large ? 1.14 : 1.06) || 1] } },
      cursor: large ? { y: false, points: { size: 7 }, drag: { x: true, y: false } } : { show: false },
      focus: { alpha: 0.2 },
      axes: large
        ? [axis("energy relative to the energy zero (eV)", { size: 34, labelSize: 24 }),
           axis("DOS (1/eV, unit area)", { size: 44, labelSize: 24, space: 50, grid: { show: true, stroke: () => colour("--rule"), width: 1 } })]
        : [axis(undefined, { size: 26, space: 40, incrs: [1, 2, 5, 10, 20, 50] }), { show: false }],
      series: [{}, ...curves.map((curve, i) => series(curve, shown(i)))],
      hooks: { drawClear: [shadeOutsideWindow, (u) => { if (!large) curves.forEach((curve) => shadeBand(u, curve)); }], draw: [(u) => markZero(u, large)], setCursor: [onCursor] },
    }, [data.energies, ...curves.map((curve) => curve.values)], box);
    new ResizeObserver(() => u.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
    plots.push(u);
    return u;
  }

  // The large chart: the target first, then every candidate whose DOS is known.
  const candidates = data.curves.filter((curve) => curve.kind === "candidate");
  const toggles = [...document.querySelectorAll("[data-toggle]")];
  const pressed = (i) => toggles.some((t) => Number(t.dataset.toggle) === i && t.getAttribute("aria-pressed") === "true");
  const readout = document.getElementById("readout");
  const note = readout.textContent;

  function showValues(u) {
    const at = u.cursor.idx;
    if (at == null || u.cursor.left < 0) {
      readout.textContent = note;
      return;
    }
    const lines = [`${number(data.energies[at], 2)} eV`];
    u.series.forEach((s, i) => {
      if (i > 0 && s.show && u.data[i][at] != null) lines.push(`${s.label} ${number(u.data[i][at], 3)}`);
    });
    readout.replaceChildren(...lines.map((line) => Object.assign(document.createElement("span"), { textContent: line })));
  }

  const main = draw(document.getElementById("main-plot"), [data.target, ...candidates], {
    large: true, shown: (i) => i === 0 || pressed(i - 1), onCursor: showValues,
  });

  function show(i, visible) {
    main.setSeries(i + 2, { show: visible });
    toggles.filter((t) => Number(t.dataset.toggle) === i).forEach((t) => t.setAttribute("aria-pressed", String(visible)));
    root.dataset.shown = main.series.filter((s, k) => k > 0 && s.show).length;
    const all = document.getElementById("all");
    if (all) all.textContent = candidates.every((_, k) => pressed(k)) ? "hide all" : "show all";
  }

  toggles.forEach((t) => t.addEventListener("click", (event) => {
    event.stopPropagation(); // a button inside a row would toggle twice
    show(Number(t.dataset.toggle), !pressed(Number(t.dataset.toggle)));
  }));
  document.querySelectorAll("[data-row]").forEach((row) => row.addEventListener("click", () => {
    if (!String(getSelection())) show(Number(row.dataset.row), !pressed(Number(row.dataset.row)));
  }));
  document.querySelectorAll("[data-row], .chip[data-toggle]").forEach((element) => {
    const i = Number(element.dataset.row ?? element.dataset.toggle);
    element.addEventListener("mouseenter", () => { if (pressed(i)) main.setSeries(i + 2, { focus: true }); });
    element.addEventListener("mouseleave", () => main.setSeries(null, { focus: false }));
  });
  document.getElementById("all")?.addEventListener("click", () => {
    const visible = !candidates.every((_, k) => pressed(k));
    candidates.forEach((_, k) => show(k, visible));
  });

  document.querySelectorAll("[data-curve]").forEach((box) => draw(box, [data.target, data.curves[Number(box.dataset.curve)]]));

  const redraw = () => plots.forEach((u) => u.redraw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const paper = (on) => () => { root.classList.toggle("printing", on); redraw(); };
  addEventListener("beforeprint", paper(true));
  addEventListener("afterprint", paper(false));

  root.dataset.shown = main.series.filter((s, k) => k > 0 && s.show).length;
  root.dataset.drawn = plots.length;
})();
