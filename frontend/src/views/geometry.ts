// Pixels of a stack's pictures and their points in the patient; where a picture tells no place, as the engine lays it.
import type { Series, Triple } from "../manifest.ts";
import { add, dot, minus, times } from "./vectors.ts";

const FLAT = [1, 0, 0, 0, 1, 0] as const;

function frame(series: Series, slice: number) {
  const [a, b, c, d, e, f] = series.orientation ?? FLAT;
  const [down, across] = series.spacing ?? [1, 1];
  const origin: Triple = series.slices[slice - 1]?.[3] ?? [0, 0, slice - 1];
  return { right: [a, b, c] as Triple, below: [d, e, f] as Triple, down, across, origin };
}

/** The point of a pixel (column, row from 0, with fractions) of a slice (from 1). */
export function pointOfPixel(series: Series, slice: number, column: number, row: number): Triple {
  const { right, below, down, across, origin } = frame(series, slice);
  return add(origin, add(times(right, column * across), times(below, row * down)));
}

/** The pixel (column, row, with fractions) of a slice (from 1) over which a point lies. */
export function pixelOfPoint(series: Series, slice: number, point: Triple): [number, number] {
  const { right, below, down, across, origin } = frame(series, slice);
  const from = minus(point, origin);
  return [dot(from, right) / across, dot(from, below) / down];
}

/** The middle of a slice (from 1). */
export const middleOfSlice = (series: Series, slice: number): Triple =>
  pointOfPixel(series, slice, (series.columns - 1) / 2, (series.rows - 1) / 2);
