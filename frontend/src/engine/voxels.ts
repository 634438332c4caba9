// Values of pictures as plain arrays, for what is computed here: planes through volumes, painting, what lies under a pointer.
import { cache, imageLoader } from "./library.ts";
import type { Series } from "../manifest.ts";
import { idOf } from "./pictures.ts";

/** The values of a slice (from 1), row by row; it is fetched where it is not held yet. */
export async function loadValues(series: Series, slice: number): Promise<ArrayLike<number>> {
  const image = await imageLoader.loadAndCacheImage(idOf(series, slice));
  return image.getPixelData() as ArrayLike<number>;
}

/** The values of a slice (from 1) that is held already. */
export function heldValues(series: Series, slice: number): ArrayLike<number> | undefined {
  return cache.getImage(idOf(series, slice))?.getPixelData() as ArrayLike<number> | undefined;
}
