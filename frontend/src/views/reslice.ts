// Values of a plane through a volume: interpolated between voxels, or the greatest within a slab.
import { toIndex, type Grid } from "./grid.ts";
import { pointOf, type Cut } from "./plane.ts";
import { add, times } from "./vectors.ts";
import type { Triple } from "../manifest.ts";

/** A grid with the values of its slices, in the grid's own order. */
export interface Volume {
  grid: Grid;
  slices: ArrayLike<number>[];
}

/** The value of the voxel that holds a point; undefined outside. */
export function valueAt({ grid, slices }: Volume, point: Triple): number | undefined {
  const [i, j, k] = toIndex(grid, point).map(Math.round) as Triple;
  const [columns, rows, count] = grid.size;
  if (i < 0 || j < 0 || k < 0 || i >= columns || j >= rows || k >= count) return undefined;
  return slices[k]![j * columns + i];
}

/**
 * Return the values of a plane, row by row; NaN outside of the volume.
 *
 * `at` is where the plane lies along its normal, mm. With a `slab` (mm) it is the greatest value from half of it before
 * the plane to half of it behind, taken at each voxel.
 */
export function reslice(volume: Volume, cut: Cut, at: number, slab = 0): Float32Array {
  const out = new Float32Array(cut.columns * cut.rows).fill(NaN);
  if (!slab) {
    sample(volume, cut, at, out, false);
    return out;
  }
  const steps = Math.max(Math.round(slab / cut.gap), 1);
  for (let n = 0; n < steps; n += 1) sample(volume, cut, at + (n - (steps - 1) / 2) * cut.gap, out, true);
  return out;
}

function sample({ grid, slices }: Volume, cut: Cut, at: number, out: Float32Array, greatest: boolean): void {
  const [columns, rows, count] = grid.size;
  const origin = pointOf(cut, 0, 0, at);
  const start = toIndex(grid, origin);
  const per = (direction: Triple): Triple => {
    const [i, j, k] = toIndex(grid, add(origin, times(direction, cut.step)));
    return [i - start[0], j - start[1], k - start[2]];
  };
  const [ai, aj, ak] = per(cut.plane.right);
  const [bi, bj, bk] = per(cut.plane.down);
  let to = 0;
  for (let row = 0; row < cut.rows; row += 1) {
    let i = start[0] + row * bi;
    let j = start[1] + row * bj;
    let k = start[2] + row * bk;
    for (let column = 0; column < cut.columns; column += 1, to += 1, i += ai, j += aj, k += ak) {
      if (i < -0.5 || j < -0.5 || k < -0.5 || i > columns - 0.5 || j > rows - 0.5 || k > count - 0.5) continue;
      const value = greatest ? nearest(slices, columns, rows, count, i, j, k) : between(slices, columns, rows, count, i, j, k);
      if (!greatest || !(out[to]! >= value)) out[to] = value;
    }
  }
}

const within = (value: number, most: number): number => (value < 0 ? 0 : value > most ? most : value);

type Slices = ArrayLike<number>[];

function nearest(slices: Slices, columns: number, rows: number, count: number, i: number, j: number, k: number): number {
  const at = within(Math.round(j), rows - 1) * columns + within(Math.round(i), columns - 1);
  return slices[within(Math.round(k), count - 1)]![at]!;
}

function between(slices: Slices, columns: number, rows: number, count: number, i: number, j: number, k: number): number {
  i = within(i, columns - 1);
  j = within(j, rows - 1);
  k = within(k, count - 1);
  const i0 = Math.floor(i);
  const j0 = Math.floor(j);
  const k0 = Math.floor(k);
  const fi = i - i0;
  const fj = j - j0;
  const fk = k - k0;
  const at = j0 * columns + i0;
  const right = i0 + 1 < columns ? 1 : 0;
  const below = j0 + 1 < rows ? columns : 0;
  const one = within2(slices[k0]!, at, right, below, fi, fj);
  if (fk === 0) return one;
  return one + (within2(slices[k0 + 1]!, at, right, below, fi, fj) - one) * fk;
}

/** Interpolate within one slice. */
function within2(slice: ArrayLike<number>, at: number, right: number, below: number, fi: number, fj: number): number {
  const above = slice[at]! + (slice[at + right]! - slice[at]!) * fi;
  if (fj === 0) return above;
  const under = slice[at + below]! + (slice[at + below + right]! - slice[at + below]!) * fi;
  return above + (under - above) * fj;
}
