// How viewports are cut, as it is kept with a mark, and brought back for whoever looks at that mark again.
import type { CellState } from "../mark.ts";
import type { Manifest, Preset } from "../manifest.ts";
import type { Look } from "./face.ts";
import { seriesOf } from "./hanging.ts";
import type { PlacedCell } from "./placed_cell.ts";
import type { PlaneName } from "./plane.ts";

/** What each viewport shows, series by the charter's labels; undefined while all show their stacks. */
export function keptOf(cells: readonly PlacedCell[]): CellState[] | undefined {
  if (!cells.some((cell) => cell.face)) return undefined;
  return cells.map((cell): CellState => {
    const { look, degrees } = cell.face ?? {};
    const shown = { timepoint: cell.timepoint, series: cell.series?.label ?? "", preset: cell.own?.name ?? "" };
    if (!look) return { ...shown, plane: "stack" };
    const { plane, map, opacity, beneath, beneathPreset } = look;
    const over = beneath && { over: beneath.label, over_preset: beneathPreset?.name ?? "", opacity };
    return { ...shown, plane, map, slab: look.slab === Infinity ? "all" : look.slab, ...(degrees ? { degrees } : {}), ...over };
  });
}

/** Show in a viewport what was kept of it. */
export function bringBack(cell: PlacedCell, kept: CellState, manifest: Manifest): void {
  const preset = (name: string | undefined): Preset | undefined => manifest.presets.find((each) => each.name === name);
  cell.cut(undefined);
  cell.timepoint = kept.timepoint;
  cell.index = seriesOf(manifest, kept.timepoint, kept.series) ?? -1;
  cell.own = preset(kept.preset);
  cell.set(cell.first);
  if (kept.plane === "stack") return;
  const beneath = kept.over === undefined ? undefined : seriesOf(manifest, kept.timepoint, kept.over);
  const look: Look = {
    plane: kept.plane as PlaneName,
    slab: kept.slab === "all" ? Infinity : (kept.slab ?? 0),
    map: (kept.map ?? "grey") as Look["map"],
    opacity: kept.opacity ?? 0.5,
    degrees: kept.degrees ?? 0,
  };
  const under = beneath === undefined ? undefined : manifest.timepoints[kept.timepoint]?.series[beneath];
  const underPreset = preset(kept.over_preset);
  cell.cut({ ...look, ...(under && { beneath: under }), ...(underPreset && { beneathPreset: underPreset }) });
}
