// Volumes of series: their slices' values fetched once, shared by all planes that cut them.
import { budget, bytesOf, loadValues } from "../engine/index.ts";
import type { Series } from "../manifest.ts";
import { gridOf } from "./grid.ts";
import type { Volume } from "./reslice.ts";

/** Requests under way at once. */
const AT_ONCE = 4;
const MB = 1024 * 1024;

const held = new Map<string, Promise<Volume>>();

/** Why a series cannot be cut in other planes, as a sentence; undefined where it can. */
export function obstacle(series: Series): string | undefined {
  const grid = gridOf(series);
  if (typeof grid === "string") return grid;
  const bytes = bytesOf(series) * series.slices.length;
  const most = budget() / 2; // a fusion needs two
  if (bytes <= most) return undefined;
  return `This series takes ${Math.ceil(bytes / MB)} MB; this device can hold ${Math.floor(most / MB)} MB of it.`;
}

/** Fetch the volume of a series; `told` hears how many slices are there. Only series without an obstacle have one. */
export function volumeOf(series: Series, told: (loaded: number, of: number) => void): Promise<Volume> {
  let found = held.get(series.key);
  if (!found) {
    found = fetched(series, told);
    held.set(series.key, found);
    found.catch(() => held.delete(series.key));
  }
  return found;
}

/** Forget the volumes of series that are not among those shown. */
export function release(shown: ReadonlySet<string>): void {
  for (const key of held.keys()) if (!shown.has(key)) held.delete(key);
}

async function fetched(series: Series, told: (loaded: number, of: number) => void): Promise<Volume> {
  const grid = gridOf(series);
  if (typeof grid === "string") throw new Error(grid);
  const slices: ArrayLike<number>[] = [];
  let next = 0;
  let loaded = 0;
  const worker = async (): Promise<void> => {
    while (next < grid.order.length) {
      const at = next;
      next += 1;
      slices[at] = await loadValues(series, grid.order[at]! + 1);
      loaded += 1;
      told(loaded, grid.order.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { grid, slices };
}
