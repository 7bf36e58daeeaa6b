// What hands do to a density of states. Pure functions: values (1/eV) on evenly spaced energies (eV) in, new values out.

const gauss = (x, width) => Math.exp(-0.5 * (x / width) ** 2);
const stepOf = (energies) => energies[1] - energies[0];

export const nearest = (energies, at) =>
  Math.min(Math.max(Math.round((at - energies[0]) / stepOf(energies)), 0), energies.length - 1);

export const area = (values, energies) => values.reduce((sum, v) => sum + v, 0) * stepOf(energies);

export function normalised(values, energies) {
  const whole = area(values, energies);
  return whole > 0 ? values.map((v) => v / whole) : values.slice();
}

export function cosine(one, other) {
  let product = 0, a = 0, b = 0;
  one.forEach((v, i) => { product += v * other[i]; a += v * v; b += other[i] * other[i]; });
  return a && b ? product / Math.sqrt(a * b) : 0;
}

// The value between grid points; nothing beyond the ends.
function valueAt(values, energies, at) {
  const x = (at - energies[0]) / stepOf(energies);
  const i = Math.floor(x);
  if (i < 0 || i >= values.length - 1) return i === values.length - 1 && x === i ? values[i] : 0;
  return values[i] + (x - i) * (values[i + 1] - values[i]);
}

// Pull the curve at one energy to a height; the neighbourhood follows. Up adds states, down thins them out.
export function bend(values, energies, at, height, width) {
  const now = values[nearest(energies, at)];
  if (height >= now) return values.map((v, i) => v + (height - now) * gauss(energies[i] - at, width));
  const share = 1 - Math.max(height, 0) / now;
  return values.map((v, i) => v * (1 - share * gauss(energies[i] - at, width)));
}

// Lay the curve along a stroke between two points of the plane.
export function paint(values, energies, from, to) {
  const [left, right] = from.energy <= to.energy ? [from, to] : [to, from];
  const painted = values.slice();
  for (let i = nearest(energies, left.energy); i <= nearest(energies, right.energy); i++) {
    const share = right.energy === left.energy ? 1 : (energies[i] - left.energy) / (right.energy - left.energy);
    painted[i] = Math.max(left.height + Math.min(Math.max(share, 0), 1) * (right.height - left.height), 0);
  }
  return painted;
}

// Even the curve out around an energy; states are not lost, they spread.
export function smooth(values, energies, at, width, strength = 0.5) {
  const evened = values.map((_, i) => {
    const [a, b, c] = [values[Math.max(i - 1, 0)], values[i], values[Math.min(i + 1, values.length - 1)]];
    return (a + 2 * b + c) / 4;
  });
  return values.map((v, i) => v + 2 * strength * gauss(energies[i] - at, width) * (evened[i] - v));
}

export const peak = (values, energies, at, height, width) => values.map((v, i) => v + height * gauss(energies[i] - at, width));

// Cut the peak at an energy off, from valley to valley.
export function erase(values, energies, at) {
  let top = nearest(energies, at);
  while (top > 0 && values[top - 1] > values[top]) top--;
  while (top < values.length - 1 && values[top + 1] > values[top]) top++;
  let left = top, right = top;
  while (left > 0 && values[left - 1] <= values[left]) left--;
  while (right < values.length - 1 && values[right + 1] <= values[right]) right++;
  const cut = values.slice();
  for (let i = left; i <= right; i++) {
    const share = right === left ? 0 : (i - left) / (right - left);
    cut[i] = Math.min(values[i], values[left] + share * (values[right] - values[left]));
  }
  return cut;
}

export const shift = (values, energies, by) => energies.map((e) => valueAt(values, energies, e - by));

export const stretch = (values, energies, factor) => energies.map((e) => valueAt(values, energies, e / factor) / factor);

// Open a gap above the energy zero: what lies above moves up by its width. A negative width closes one.
export function gap(values, energies, width, edge) {
  if (width <= 0) return energies.map((e, i) => (e <= 0 ? values[i] : valueAt(values, energies, e - width)));
  const below = (e) => 1 / (1 + Math.exp(Math.min((e + edge) / (edge / 2.5), 50)));
  return energies.map((e, i) => values[i] * (e < width / 2 ? below(e) : 0)
    + (e >= width / 2 ? valueAt(values, energies, e - width) * below(width - e) : 0));
}
