// The stage with layouts: which series of which timepoint lies where, cut how, and what follows what.
import { Stage, type Here } from "../stage.ts";
import type { Cell } from "../cell.ts";
import type { Mark, ViewState } from "../mark.ts";
import type { Hanging, HangingCell, Manifest, Triple, View } from "../manifest.ts";
import { drawCrossings } from "./crossings.ts";
import type { Look } from "./face.ts";
import { sharesSpace } from "./following.ts";
import { keptOf } from "./kept.ts";
import { LAYOUTS, Layouts, MOST_CELLS, placesOf, presetOf } from "./layouts.ts";
import { Links } from "./links.ts";
import { PlacedCell } from "./placed_cell.ts";
import type { Regions } from "./regions.ts";
import { Steps } from "./step.ts";

export class Viewer extends Stage {
  declare readonly cells: PlacedCell[];
  declare active: PlacedCell;
  readonly links: Links;
  private readonly steps: Steps;
  private readonly layouts: Layouts;
  /** Rows and columns while viewports are arranged; empty while the page shows them as it opened without a hanging. */
  layout = "";
  /** Name of the hanging in use, if it is one. */
  hung = "";
  /** What is painted, for the page's list of lesions; undefined where nothing is painted. */
  regions: Regions | undefined;

  constructor(root: HTMLElement, manifest: Manifest) {
    super(root, manifest);
    const tell = (sentence: string): void => this.tell("px:problem", { sentence });
    this.links = new Links(manifest.links_url, tell, manifest.links);
    this.steps = new Steps(this.links, () => this.inSight);
    this.layouts = new Layouts(root, manifest, this.cells);
    this.linksLoaded = this.links.load();
    const [first] = this.hangings;
    if (manifest.hanging && first) this.hang(manifest.hanging);
  }

  readonly linksLoaded: Promise<void>;

  /** As many viewports as a layout has places; those that the page does not name wait out of sight. */
  protected override makeCells(): PlacedCell[] {
    const { root, manifest } = this;
    const named = [...root.querySelectorAll<HTMLElement>("[data-view]")];
    const pattern = named[0]?.cloneNode(true) as HTMLElement | undefined;
    const most = root.querySelector("[data-views-bar]") ? MOST_CELLS : 0;
    for (let n = named.length; pattern && n < most; n += 1) {
      const more = pattern.cloneNode(true) as HTMLElement;
      more.hidden = true;
      more.removeAttribute("data-view"); // no viewport of the page until a layout needs it
      named.at(-1)?.after(more);
      named.push(more);
    }
    const last = manifest.views.at(-1) as View;
    return named.map((element, n) => new PlacedCell(element, manifest.views[n] ?? { ...last }, manifest, this));
  }

  get hangings(): Hanging[] {
    return this.manifest.hangings ?? (this.manifest.hanging ? [this.manifest.hanging] : []);
  }

  get inSight(): PlacedCell[] {
    return this.cells.filter((cell) => cell.shown);
  }

  private get last(): number {
    return this.manifest.timepoints.length - 1;
  }

  // --- layouts ---------------------------------------------------------------------------------------------------
  /** Lay the pictures as a hanging says; what it names and is not there leaves its place empty. */
  hang(hanging: Hanging): void {
    this.linked = hanging.linked;
    this.laidOut(hanging.layout, hanging.name);
    this.layouts.hang(hanging);
    this.settleAll();
  }

  /** Lay as many pictures as a layout has places: those in sight stay, then earlier timepoints, then more of the present. */
  arrange(layout: string): void {
    const stay = this.inSight.slice(0, placesOf(layout));
    this.laidOut(layout);
    this.layouts.arrange(layout, stay);
    this.settleAll();
  }

  private laidOut(layout: string, hung = ""): void {
    this.layout = layout;
    this.hung = hung;
    this.compares = false;
  }

  /** The present timepoint's first picture is the one to work in; the others go where it is. */
  private settleAll(): void {
    const { inSight } = this;
    this.active = inSight.find((cell) => cell.timepoint === this.last && !cell.face && cell.series) ?? inSight[0]!;
    if (this.linked) this.steps.bring(this.active);
    this.draw();
  }

  // --- what one viewport shows ---------------------------------------------------------------------------------
  /** Cut the active viewport's volume in another way; undefined: its stack. */
  cut(look: Look | undefined): void {
    this.active.cut(look);
    this.draw();
  }

  /** Whether an earlier timepoint is in sight. */
  get showsEarlier(): boolean {
    return this.inSight.some((cell) => cell.timepoint < this.last);
  }

  /** Show the timepoint before beside the present one, or the present one alone. */
  override compare(on: boolean): void {
    if (!this.layout) {
      super.compare(on);
      return;
    }
    const { index } = this.present;
    const label = this.manifest.timepoints[this.last]?.series[Math.max(index, 0)]?.label ?? "";
    const cell = (timepoint: "previous" | "present"): HangingCell => ({ series: label, timepoint, plane: "stack" });
    const cells = on ? [cell("previous"), cell("present")] : [cell("present")];
    const { own } = this.present;
    this.hang({ name: "", layout: on ? "1x2" : "1x1", linked: this.linked, cells });
    for (const each of this.inSight) each.own = own;
    this.draw();
  }

  override choosePreset(name: string): void {
    if (!this.layout) {
      super.choosePreset(name);
      return;
    }
    const label = this.active.series?.label;
    for (const cell of this.inSight) if (cell.series?.label === label) cell.own = presetOf(this.manifest, name) ?? cell.own;
    this.draw();
  }

  override chooseSeries(index: number): void {
    if (!this.layout) {
      super.chooseSeries(index);
      return;
    }
    this.exchange(this.active, this.active.timepoint, index);
  }

  override chooseTimepoint(cells: readonly Cell[], timepoint: number): void {
    if (!this.layout) {
      super.chooseTimepoint(cells, timepoint);
      return;
    }
    const label = this.active.series?.label;
    const same = this.manifest.timepoints[timepoint]?.series.findIndex((each) => each.label === label) ?? -1;
    this.exchange(this.active, timepoint, Math.max(same, 0));
  }

  private exchange(cell: PlacedCell, timepoint: number, index: number): void {
    const { series } = cell;
    Object.assign(cell, { timepoint, index });
    if (cell.series?.modality !== series?.modality) cell.own = undefined;
    if (cell.face?.look.beneath) cell.cut(undefined); // what lay beneath belongs to the series before
    cell.set(cell.first);
    const other = this.inSight.find((each) => each !== cell && each.series);
    if (this.linked && other) this.steps.bring(other, [cell]);
    this.draw();
  }

  // --- in step -----------------------------------------------------------------------------------------------------
  /** What turns goes round; a stack has an end. */
  override step(by: number, cell: PlacedCell = this.active): void {
    if (cell.turns && Number.isFinite(by)) this.move(cell, cell.n + by);
    else super.step(by, cell);
  }

  override move(cell: PlacedCell, n: number): void {
    const before = cell.n;
    cell.set(n);
    if (cell.n !== before) cell.direction = cell.n < before ? -1 : 1;
    this.active = cell;
    if (this.linked) this.steps.bring(cell);
    this.draw();
  }

  /** Turn following on or off. Turned on, what is in sight now counts as the same place, until the page is left. */
  override link(on: boolean): void {
    if (on) this.steps.pass(this.active);
    super.link(on);
  }

  /** What is in sight now is the same place: kept with the read. */
  async linkHere(): Promise<void> {
    this.linked = true;
    await this.steps.link(this.active);
    this.renew();
  }

  async unlink(): Promise<void> {
    await this.steps.unlink(this.active);
    this.renew();
  }

  /** Whether the active viewport is linked to another in sight by the reader's own link. */
  get isLinkedHere(): boolean {
    return this.steps.holds(this.active);
  }

  /** Bring all planes that can to a point of the patient. */
  jump(point: Triple, from: PlacedCell): void {
    const { series } = from;
    for (const cell of this.inSight)
      if (cell !== from && !cell.turns && series && cell.series && sharesSpace(series, cell.series)) cell.goTo(point);
    this.draw();
  }

  override go(key: string, n: number, cell?: PlacedCell): void {
    if (!this.layout) {
      super.go(key, n, cell);
      return;
    }
    const timepoint = this.manifest.timepoints.findIndex(({ series }) => series.some((each) => each.key === key));
    if (timepoint < 0) return;
    const index = this.manifest.timepoints[timepoint]!.series.findIndex((each) => each.key === key);
    const { inSight } = this;
    const fits = (each: PlacedCell): boolean => each.timepoint === timepoint && !each.face;
    let target =
      cell ?? inSight.find((each) => fits(each) && each.index === index) ?? inSight.find((each) => fits(each));
    if (!target && timepoint < this.last && inSight.length === 1) {
      this.arrange("1x2");
      target = this.inSight.at(-1);
    }
    target ??= inSight.find((each) => each !== this.present && !each.face) ?? this.active;
    if (target.face) target.cut(undefined);
    Object.assign(target, { timepoint, index });
    target.set(n);
    this.active = target;
    if (this.linked) this.steps.bring(target);
    target.root.scrollIntoView({ block: "nearest" });
    this.draw();
  }

  // --- where the reader is -----------------------------------------------------------------------------------------
  override get present(): PlacedCell {
    if (!this.layout) return super.present as PlacedCell;
    const fits = (cell: PlacedCell): boolean => cell.shown && cell.timepoint === this.last && !cell.face;
    return fits(this.active) ? this.active : (this.cells.find(fits) ?? this.active);
  }

  override here(): Here | null {
    if (!this.layout) return super.here();
    const { series, slice } = this.present;
    const found = slice && series?.slices[slice - 1];
    return found ? { series: series.key, slice, instance: found[0], frame: found[1] } : null;
  }

  override view(cell: PlacedCell = this.active): ViewState {
    const told = super.view(cell);
    const cells = keptOf(this.inSight);
    const all = { ...told, ...(cells && { cells }) };
    if (!this.layout) return all;
    return { ...all, preset: cell.own?.name ?? told.preset, layout: this.layout, plane: cell.face?.words ?? "stack" };
  }

  override async show(mark: Mark, cell?: PlacedCell): Promise<void> {
    const view = "slice" in mark.view ? (mark.view as ViewState) : null;
    // A page that names a viewport, as one with two sides does, keeps its own layout.
    const lays = view && !cell && LAYOUTS.includes(view.layout) && this.cells.length === MOST_CELLS;
    if (view && lays && (view.cells || this.differs(view))) this.layAsKept(view, this.find(mark.series)?.label ?? "");
    await super.show(mark, cell);
  }

  private layAsKept(view: ViewState, label: string): void {
    this.arrange(view.layout);
    this.layouts.restore(view, label);
    this.settleAll();
  }

  /** Whether a kept view was laid in another way than what is in sight. */
  private differs({ layout, timepoints }: ViewState): boolean {
    if (!this.layout && placesOf(layout) <= 2) return false;
    const shown = this.inSight.map((cell) => cell.timepoint);
    return layout !== this.layout || String(shown) !== String(timepoints);
  }

  // --- drawing -----------------------------------------------------------------------------------------------------
  protected override heading(cell: PlacedCell): string {
    if (!this.layout) return super.heading(cell);
    if (!cell.series) return "";
    const many = new Set(this.inSight.map((each) => each.series?.label)).size > 1 || this.seriesOf(cell).length > 1;
    return [cell.title, many && cell.series.label, cell.face?.words].filter(Boolean).join(" · ");
  }

  override drawn(cell: PlacedCell): void {
    cell.turn();
    super.drawn(cell);
    cell.tellSides();
    drawCrossings(this.inSight);
  }
}
