// Layouts: how many pictures lie how, and what each place shows.
import type { ViewState } from "../mark.ts";
import type { Hanging, HangingCell, Manifest, Preset } from "../manifest.ts";
import type { ColourMap } from "./colours.ts";
import type { Look } from "./face.ts";
import { laid, type Laid } from "./hanging.ts";
import { bringBack } from "./kept.ts";
import type { PlacedCell } from "./placed_cell.ts";

export const MOST_CELLS = 4;
export const LAYOUTS = ["1x1", "1x2", "1x3", "2x1", "2x2"];

export const placesOf = (layout: string): number => layout.split("x").reduce((product, side) => product * Number(side), 1);

export const presetOf = ({ presets }: Manifest, name: string | undefined): Preset | undefined =>
  presets.find((preset) => preset.name === name);

export class Layouts {
  private readonly root: HTMLElement;
  private readonly manifest: Manifest;
  private readonly cells: readonly PlacedCell[];

  constructor(root: HTMLElement, manifest: Manifest, cells: readonly PlacedCell[]) {
    this.root = root;
    this.manifest = manifest;
    this.cells = cells;
  }

  private get last(): number {
    return this.manifest.timepoints.length - 1;
  }

  /** Show as many viewports as a layout has places. */
  spread(layout: string): void {
    const places = placesOf(layout);
    const views = this.root.querySelector<HTMLElement>("[data-views]");
    views?.classList.remove("px-view-2");
    views?.setAttribute("data-layout", layout);
    this.root.dataset.layout = layout;
    this.cells.forEach((cell, n) => {
      cell.root.hidden = n >= places;
      cell.root.toggleAttribute("data-view", n < places);
    });
  }

  /** What a hanging says lies in each viewport. */
  hang(hanging: Hanging): void {
    this.spread(hanging.layout);
    laid(this.manifest, hanging).forEach((place, n) => this.fill(this.cells[n] as PlacedCell, place));
  }

  /** Those in sight stay, then come earlier timepoints, then more of the present. */
  arrange(layout: string, stay: readonly PlacedCell[]): void {
    const places = placesOf(layout);
    const more: Laid[] = [];
    for (let timepoint = this.last - 1; timepoint >= 0; timepoint -= 1)
      if (!stay.some((each) => each.timepoint === timepoint)) more.push(this.stackOf(timepoint));
    while (more.length < places) more.push(this.stackOf(this.last));
    this.spread(layout);
    this.cells.slice(0, places).forEach((each, n) => {
      if (n >= stay.length) this.fill(each, more[n - stay.length]);
    });
  }

  /** Show what a kept view showed; where it does not say so, the timepoints that it names, of the series of this label. */
  restore({ layout, timepoints, cells }: ViewState, label: string): void {
    const places = placesOf(layout);
    cells?.slice(0, places).forEach((kept, n) => bringBack(this.cells[n]!, kept, this.manifest));
    if (cells) return;
    timepoints.slice(0, places).forEach((timepoint, n) => {
      const cell = this.cells[n]!;
      const index = this.manifest.timepoints[timepoint]?.series.findIndex((each) => each.label === label) ?? -1;
      if (cell.timepoint !== timepoint && index >= 0) Object.assign(cell, { timepoint, index });
    });
  }

  private stackOf(timepoint: number): Laid {
    const label = this.manifest.timepoints[timepoint]?.series[0]?.label ?? "";
    return { timepoint, series: 0, over: undefined, cell: { series: label, timepoint: "present", plane: "stack" } };
  }

  private fill(cell: PlacedCell, place: Laid | undefined): void {
    cell.cut(undefined);
    cell.own = undefined;
    // An empty place shows no series.
    cell.timepoint = place?.timepoint ?? this.last;
    cell.index = place?.series ?? -1;
    if (!place) return;
    const { cell: told } = place;
    cell.own = presetOf(this.manifest, told.preset);
    cell.set(cell.first);
    if (told.plane !== "stack") cell.cut(this.lookOf(cell, told, place.over));
  }

  private lookOf(cell: PlacedCell, told: HangingCell, over: number | undefined): Look {
    const series = this.manifest.timepoints[cell.timepoint]?.series ?? [];
    const usual: ColourMap = cell.series?.modality === "PT" ? "inverse" : "grey";
    const plane = told.plane === "coronal" || told.plane === "mip" ? "coronal" : told.plane === "sagittal" ? "sagittal" : "axial";
    const look: Look = { plane, slab: told.plane === "mip" ? Infinity : 0, map: usual, opacity: 0.5 };
    if (told.plane !== "fusion" || over === undefined) return look;
    return { ...look, map: "hot iron", beneath: series[over]!, beneathPreset: presetOf(this.manifest, told.over_preset)! };
  }
}
