// Series as grids of voxels: where each voxel lies in the patient, and which series are no grid, with the reason.
import type { Series, Triple } from "../manifest.ts";
import { add, cross, dot, length, minus, times } from "./vectors.ts";

/** Voxels at equal distances. `axes` are the directions of columns, rows and slices; `order` holds slices from 0. */
export interface Grid {
  series: Series;
  origin: Triple;
  axes: [Triple, Triple, Triple];
  spacing: Triple;
  size: Triple;
  order: number[];
}

/** Share of the step between slices by which one may differ, or lie beside the line; as quality control takes it. */
const TOLERANCE = 0.1;
const FEWEST = 3;

/** Directions of rows and columns and the normal of a series' slices; undefined where it tells none. */
export function axesOf(series: Series): [Triple, Triple, Triple] | undefined {
  const { orientation } = series;
  if (!orientation) return undefined;
  const [a, b, c, d, e, f] = orientation;
  return [[a, b, c], [d, e, f], cross([a, b, c], [d, e, f])];
}

/** Return the grid of a series, or a sentence that says why it has none. */
export function gridOf(series: Series): Grid | string {
  const axes = axesOf(series);
  const positions = series.slices.map((slice) => slice[3]);
  if (series.samples > 1) return "Colour pictures cannot be cut in other planes.";
  if (!axes || !series.spacing || positions.some((each) => !each))
    return "These pictures do not tell where they lie in the patient, so they cannot be cut in other planes.";
  if (series.slices.some((slice) => slice[6]))
    return "The slices of this series differ in size or direction, so it cannot be cut in other planes.";
  if (positions.length < FEWEST) return "These are too few slices to be cut in other planes.";
  const places = positions as Triple[];
  const normal = axes[2];
  const order = places.map((_, n) => n).sort((a, b) => dot(places[a]!, normal) - dot(places[b]!, normal));
  const first = places[order[0]!]!;
  const last = places[order.at(-1)!]!;
  const step = dot(minus(last, first), normal) / (order.length - 1);
  for (const [n, slice] of order.entries()) {
    const off = minus(minus(places[slice]!, first), times(normal, step * n));
    if (step <= 0 || length(off) > TOLERANCE * step)
      return "The slices of this series are not at equal distances, so it cannot be cut in other planes.";
  }
  const [between_rows, between_columns] = series.spacing;
  return {
    series,
    origin: first,
    axes,
    spacing: [between_columns, between_rows, step],
    size: [series.columns, series.rows, order.length],
    order,
  };
}

/** Column, row and slice (from 0, with fractions) of a point in the patient. */
export function toIndex({ origin, axes, spacing }: Grid, point: Triple): Triple {
  const from = minus(point, origin);
  return [dot(from, axes[0]) / spacing[0], dot(from, axes[1]) / spacing[1], dot(from, axes[2]) / spacing[2]];
}

/** The point in the patient of a column, row and slice. */
export function toPatient({ origin, axes, spacing }: Grid, [i, j, k]: Triple): Triple {
  const along = (n: 0 | 1 | 2, by: number) => times(axes[n], by * spacing[n]);
  return add(add(origin, along(0, i)), add(along(1, j), along(2, k)));
}

/** The eight corners of a grid, at the outer edges of its voxels. */
export function corners(grid: Grid): Triple[] {
  const ends = grid.size.map((size) => [-0.5, size - 0.5]) as [number, number][];
  return ends[0]!.flatMap((i) =>
    ends[1]!.flatMap((j) => ends[2]!.map((k) => toPatient(grid, [i, j, k]))),
  );
}

/** The middle of a grid. */
export const middle = (grid: Grid): Triple =>
  toPatient(grid, grid.size.map((size) => (size - 1) / 2) as Triple);
