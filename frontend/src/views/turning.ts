// Greatest values through a whole volume, from any side: the picture turns around the body's axis. Each voxel is thrown
// on the picture once, so that a turn takes a fraction of what looking along every line would.
import type { Triple } from "../manifest.ts";
import { corners, middle, toPatient, type Grid } from "./grid.ts";
import { pointOf, type Cut, type Plane } from "./plane.ts";
import { reslice, valueAt, type Volume } from "./reslice.ts";
import { add, cross, dot, minus, times } from "./vectors.ts";

/** Pictures of one turn. */
export const STEPS = 120;
export const DEGREES = 360 / STEPS;
/** Milliseconds for one of them while it turns by itself: ten seconds for a turn. */
export const TURN_MS = 83;
/** Voxels that are thrown in a blink; of a larger volume a coarser one turns, and the full one stands. */
const QUICK = 16_000_000;
/** Slices that lean by a quarter of a degree lie a millimetre off at the edges of a body. */
const UPRIGHT = 0.99999;
/** What arithmetic loses: no angle has a column more than another. */
const TINY = 1e-6;

/** A plane turned around the body's axis: what is near goes to the left. Its normal leads away from whoever looks. */
export function turned({ right, down }: Plane, degrees: number): Plane {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const away = cross(right, down);
  return {
    right: add(times(right, cos), times(away, sin)),
    down,
    normal: add(times(away, cos), times(right, -sin)),
  };
}

/** Where the picture lies: as wide as the volume is from any side, so that nothing jumps while it turns. */
export function turningCut(grid: Grid, plane: Plane): Cut {
  const centre = middle(grid);
  const ends = corners(grid).map((corner) => minus(corner, centre));
  const tall = ends.map((end) => dot(end, plane.down));
  const wide = Math.max(...ends.map((end) => Math.hypot(dot(end, plane.right), dot(end, plane.normal))));
  // Not finer than voxels lie apart within a slice, or columns would stay empty between them.
  const step = Math.max(grid.spacing[0], grid.spacing[1]);
  return {
    plane,
    left: dot(centre, plane.right) - wide + step / 2,
    top: dot(centre, plane.down) + Math.min(...tall) + step / 2,
    columns: Math.max(Math.ceil((2 * wide) / step - TINY), 1),
    rows: Math.max(Math.round((Math.max(...tall) - Math.min(...tall)) / step), 1),
    step,
    first: dot(centre, plane.normal) - wide,
    gap: Math.min(...grid.spacing),
    count: Math.max(Math.ceil((2 * wide) / Math.min(...grid.spacing) - TINY), 1),
  };
}

/** The greatest value on the line behind each pixel, row by row; NaN where the line meets nothing. */
export function project(volume: Volume, cut: Cut): Float32Array {
  const { grid, slices } = volume;
  // Slices that do not lie across the body are looked through line by line.
  if (Math.abs(dot(grid.axes[2], cut.plane.down)) < UPRIGHT)
    return reslice(volume, cut, cut.first + (cut.count * cut.gap) / 2, cut.count * cut.gap);
  const [columns, rows, count] = grid.size;
  const places = placesOf(grid, cut);
  const lines = new Float32Array(count * cut.columns).fill(-Infinity);
  for (let k = 0; k < count; k += 1) {
    const slice = slices[k]!;
    const from = k * cut.columns;
    for (let at = 0; at < columns * rows; at += 1) {
      const to = from + places[at]!;
      const value = slice[at]!;
      if (value > lines[to]!) lines[to] = value;
    }
  }
  return stretched(lines, grid, cut);
}

/** The column of the picture on which each voxel of a slice is thrown. */
function placesOf(grid: Grid, cut: Cut): Uint16Array {
  const [columns, rows] = grid.size;
  const { right } = cut.plane;
  const start = (dot(grid.origin, right) - cut.left) / cut.step;
  const across = (dot(grid.axes[0], right) * grid.spacing[0]) / cut.step;
  const down = (dot(grid.axes[1], right) * grid.spacing[1]) / cut.step;
  const places = new Uint16Array(columns * rows);
  let at = 0;
  for (let j = 0; j < rows; j += 1)
    for (let i = 0; i < columns; i += 1, at += 1) places[at] = Math.round(start + j * down + i * across);
  return places;
}

/** Lines of slices drawn out to rows of the picture. */
function stretched(lines: Float32Array, grid: Grid, cut: Cut): Float32Array {
  const out = new Float32Array(cut.columns * cut.rows);
  const count = grid.size[2];
  const first = dot(grid.origin, cut.plane.down);
  const apart = dot(minus(toPatient(grid, [0, 0, 1]), grid.origin), cut.plane.down);
  for (let row = 0; row < cut.rows; row += 1) {
    const k = Math.min(Math.max((cut.top + row * cut.step - first) / apart, 0), count - 1);
    const [above, below] = [Math.floor(k) * cut.columns, Math.ceil(k) * cut.columns];
    const share = k - Math.floor(k);
    for (let column = 0; column < cut.columns; column += 1) {
      const value = lines[above + column]!;
      const mixed = share ? value + (lines[below + column]! - value) * share : value;
      out[row * cut.columns + column] = Number.isFinite(mixed) ? mixed : NaN;
    }
  }
  return out;
}

/** A volume that turns without a wait: itself, or the greatest values of blocks of its voxels. */
export function quick(volume: Volume): Volume {
  const { grid, slices } = volume;
  const [columns, rows, count] = grid.size;
  const by = Math.ceil(Math.sqrt((columns * rows * count) / QUICK));
  if (by < 2) return volume;
  const size: Triple = [Math.ceil(columns / by), Math.ceil(rows / by), count];
  const pooled = slices.map((slice) => {
    const out = new Float32Array(size[0] * size[1]).fill(-Infinity);
    for (let j = 0; j < rows; j += 1)
      for (let i = 0; i < columns; i += 1) {
        const to = Math.floor(j / by) * size[0] + Math.floor(i / by);
        const value = slice[j * columns + i]!;
        if (value > out[to]!) out[to] = value;
      }
    return out;
  });
  const origin = toPatient(grid, [(by - 1) / 2, (by - 1) / 2, 0]);
  const spacing: Triple = [grid.spacing[0] * by, grid.spacing[1] * by, grid.spacing[2]];
  return { grid: { ...grid, origin, spacing, size }, slices: pooled };
}

/** The point with the greatest value on the line behind a pixel (column, row, with fractions), the nearest of several. */
export function brightest(volume: Volume, cut: Cut, column: number, row: number): Triple | undefined {
  let best: Triple | undefined;
  let most = -Infinity;
  for (let n = 0; n < cut.count; n += 1) {
    const point = pointOf(cut, column, row, cut.first + (n + 0.5) * cut.gap);
    const value = valueAt(volume, point);
    if (value === undefined || value <= most) continue;
    most = value;
    best = point;
  }
  return best;
}
