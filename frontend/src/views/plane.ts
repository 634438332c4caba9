// Planes through a patient as they are looked at: axial from the feet, coronal from the front, sagittal from the left.
import type { Triple } from "../manifest.ts";
import { corners, type Grid } from "./grid.ts";
import { add, dot, times } from "./vectors.ts";

export type PlaneName = "axial" | "coronal" | "sagittal";

/** `right` and `down` are the directions on the screen, `normal` the one in which slices are counted. */
export interface Plane {
  right: Triple;
  down: Triple;
  normal: Triple;
}

export const PLANES: Record<PlaneName, Plane> = {
  axial: { right: [1, 0, 0], down: [0, 1, 0], normal: [0, 0, 1] },
  coronal: { right: [1, 0, 0], down: [0, 0, -1], normal: [0, 1, 0] },
  sagittal: { right: [0, 1, 0], down: [0, 0, -1], normal: [1, 0, 0] },
};

/** A plane's pictures of one grid: `columns` by `rows` pixels of `step` mm from `left`, `top`; planes from `first` on. */
export interface Cut {
  plane: Plane;
  left: number;
  top: number;
  columns: number;
  rows: number;
  step: number;
  first: number;
  gap: number;
  count: number;
}

/** Lay a plane's pictures over a grid: pixels as fine as its finest voxels, planes one voxel apart. */
export function cutOf(grid: Grid, plane: Plane): Cut {
  const range = (direction: Triple): [number, number] => {
    const along = corners(grid).map((corner) => dot(corner, direction));
    return [Math.min(...along), Math.max(...along)];
  };
  const [left, right] = range(plane.right);
  const [top, bottom] = range(plane.down);
  const [nearest, farthest] = range(plane.normal);
  const step = Math.min(...grid.spacing);
  // One plane through each voxel: the spacing along the axis that the normal follows most.
  const most = [0, 1, 2].sort(
    (a, b) => Math.abs(dot(grid.axes[b]!, plane.normal)) - Math.abs(dot(grid.axes[a]!, plane.normal)),
  )[0]!;
  const gap = grid.spacing[most]!;
  return {
    plane,
    left: left + step / 2,
    top: top + step / 2,
    columns: Math.max(Math.round((right - left) / step), 1),
    rows: Math.max(Math.round((bottom - top) / step), 1),
    step,
    first: nearest + gap / 2,
    gap,
    count: Math.max(Math.round((farthest - nearest) / gap), 1),
  };
}

/** The point in the patient of a pixel (column, row) of a plane at `at` mm along its normal. */
export function pointOf({ plane, left, top, step }: Cut, column: number, row: number, at: number): Triple {
  const across = add(times(plane.right, left + column * step), times(plane.down, top + row * step));
  return add(across, times(plane.normal, at));
}

/** The pixel (column, row) over which a point of the patient lies. */
export function pixelOf({ plane, left, top, step }: Cut, point: Triple): [number, number] {
  return [(dot(point, plane.right) - left) / step, (dot(point, plane.down) - top) / step];
}

/** The plane (from 1) nearest to a point. */
export function nearestPlane({ plane, first, gap, count }: Cut, point: Triple): number {
  return Math.min(Math.max(Math.round((dot(point, plane.normal) - first) / gap) + 1, 1), count);
}

/** Where a plane (from 1) lies along the normal, mm. */
export const along = ({ first, gap }: Cut, n: number): number => first + (n - 1) * gap;
