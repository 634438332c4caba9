// Which series of which timepoint lies in which place, as the charter's hanging says and as far as it is there.
import type { Hanging, HangingCell, Manifest } from "../manifest.ts";

/** What lies in one place: indices into the manifest. Undefined series: the timepoint has none of this label. */
export interface Laid {
  timepoint: number;
  series: number | undefined;
  over: number | undefined;
  cell: HangingCell;
}

/** Index of the timepoint that a hanging means, where the last one is the present; undefined where there is none. */
export function timepointOf(name: HangingCell["timepoint"], count: number): number | undefined {
  const index = { present: count - 1, previous: count - 2, baseline: 0, first: 0, second: 1 }[name];
  const there = index >= 0 && index < count && !(name === "baseline" && count < 2);
  return there ? index : undefined;
}

/** Index of the series of a label; several of one label are numbered, "CT (1)", and the first one is meant. */
export function seriesOf(manifest: Manifest, timepoint: number, label: string): number | undefined {
  const labels = manifest.timepoints[timepoint]?.series.map((series) => series.label) ?? [];
  const found = labels.findIndex((each) => each === label || each === `${label} (1)`);
  return found < 0 ? undefined : found;
}

/** Lay a hanging's cells; a place without a cell, or whose timepoint does not exist, is undefined. */
export function laid(manifest: Manifest, hanging: Hanging): (Laid | undefined)[] {
  return hanging.cells.map((cell) => {
    const timepoint = cell ? timepointOf(cell.timepoint, manifest.timepoints.length) : undefined;
    if (!cell || timepoint === undefined) return undefined;
    const series = seriesOf(manifest, timepoint, cell.series);
    const over = cell.over ? seriesOf(manifest, timepoint, cell.over) : undefined;
    return { timepoint, series, over, cell };
  });
}
