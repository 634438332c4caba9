// The image stage: viewports, in step if wanted. What it offers to other scripts of the page is `element.stage`.
import { budget, Feeder, onDrag, register } from "./engine/index.ts";
import { Cell, clamp } from "./cell.ts";
import type { Manifest, Preset, Series, ToolName, Words } from "./manifest.ts";
import type { Mark, ViewState } from "./mark.ts";
import { Marking, type MeasureOptions } from "./marking.ts";

/** Where the reader is: keys of series and instance, slice and frame from 1. */
export interface Here {
  series: string;
  slice: number;
  instance: string;
  frame: number;
}

const DRAG_PX = 9;

export class Stage {
  readonly root: HTMLElement;
  readonly manifest: Manifest;
  readonly cells: Cell[];
  readonly feeder: Feeder;
  /** Resolves when every viewport in sight shows its first picture. */
  readonly ready: Promise<void>;
  readonly marking: Marking;
  /** The charter's window in use; null: the pictures' own. */
  preset: Preset | null;
  active: Cell;
  linked = true;
  /** Whether the first viewport is an earlier timepoint that the reader can open and close. */
  compares: boolean;
  private becameReady: () => void = () => {};
  private readonly watchers: (() => void)[] = [];

  constructor(root: HTMLElement, manifest: Manifest) {
    this.root = root;
    this.manifest = manifest;
    register(manifest);
    this.preset = manifest.presets[0] ?? null;
    this.ready = new Promise((resolve) => {
      this.becameReady = resolve;
    });
    this.feeder = new Feeder(budget(), (loaded, of) => {
      root.dataset.loaded = `${loaded}/${of}`;
      this.tell("px:state", { loaded, of });
    });
    this.cells = this.makeCells();
    if (!this.cells.length) throw new Error("The page has no viewport.");
    this.active = this.present;
    this.compares = Boolean(root.querySelector("[data-compare]"));
    this.marking = new Marking(this);
    for (const cell of this.cells) cell.set((this.compares ? cell : (this.cells[0] as Cell)).first);
  }

  protected makeCells(): Cell[] {
    const { root, manifest } = this;
    return [...root.querySelectorAll<HTMLElement>("[data-view]")].flatMap((element, n) => {
      const view = manifest.views[n];
      return view ? [new Cell(element, view, manifest, this)] : [];
    });
  }

  /** The viewport of the present timepoint, or of the second side. */
  get present(): Cell {
    return this.cells[this.manifest.views.length - 1] as Cell;
  }

  /** The viewports, as pages that choose one of them name them. */
  get views(): Cell[] {
    return this.cells;
  }

  /** Call back whenever what the controls show may have changed. */
  watch(changed: () => void): void {
    this.watchers.push(changed);
  }

  tell(name: string, detail: unknown): void {
    this.root.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }

  opened(cell: Cell): void {
    this.marking.join(cell);
    let dragged = 0;
    onDrag(cell.view.element, (pixels) => {
      dragged += pixels;
      const steps = Math.trunc(dragged / DRAG_PX);
      dragged -= steps * DRAG_PX;
      if (steps) this.step(steps, cell);
    });
  }

  drawn(cell: Cell): void {
    if (cell === this.active) {
      if (this.root.dataset.slice !== cell.root.dataset.slice) this.tell("px:slice", { here: this.here() });
      this.root.dataset.slice = cell.root.dataset.slice;
    }
    if (!("ready" in this.root.dataset) && this.cells.every((each) => !each.shown || !each.count || each.settled)) {
      this.root.dataset.ready = "";
      this.becameReady();
    }
    this.renew();
  }

  /** Bring controls up to date. */
  renew(): void {
    for (const changed of this.watchers) changed();
  }

  /** Draw all viewports in sight and fetch what is near. */
  draw(): void {
    const shown = this.cells.filter((cell) => cell.shown);
    for (const cell of shown) cell.draw(this.preset, this.heading(cell));
    this.feeder.show(shown.flatMap((cell) => cell.feed ?? []));
    this.renew();
  }

  /** Of two assessments of one timepoint each is named; an earlier timepoint beside the present one names itself. */
  protected heading(cell: Cell): string {
    const named = this.manifest.views.length > 1 && cell.name !== cell.title && !this.compares;
    return named ? `${cell.name}: ${cell.title}` : cell.title;
  }

  // --- moving ---------------------------------------------------------------------------------------------------
  step(by: number, cell = this.active): void {
    this.move(cell, clamp(cell.n + by, 1, cell.count || 1));
  }

  move(cell: Cell, n: number): void {
    const { n: before, at: from } = cell;
    cell.set(n);
    if (cell.n !== before) cell.direction = cell.n < before ? -1 : 1;
    if (this.linked)
      for (const other of this.cells) {
        if (other === cell || !other.shown || !other.count) continue;
        other.direction = cell.direction;
        other.follow(other.at + cell.at - from);
      }
    this.active = cell;
    this.draw();
  }

  /** Let viewports follow each other, or not. */
  link(on: boolean): void {
    this.linked = on;
    this.renew();
  }

  activate(cell: Cell): void {
    if (this.active === cell) return;
    this.active = cell;
    if (cell.root.dataset.slice) this.root.dataset.slice = cell.root.dataset.slice;
    this.renew();
  }

  /** Show a slice of a series: in the viewport given, else where its timepoint is, else beside or in place. */
  go(key: string, n: number, cell?: Cell): void {
    const timepoint = this.manifest.timepoints.findIndex(({ series }) => series.some((each) => each.key === key));
    if (timepoint < 0) return;
    let target = cell ?? this.cells.find((each) => each.shown && each.timepoint === timepoint);
    if (!target && this.compares) {
      this.compare(true);
      target = this.cells[0];
    }
    target ??= this.active;
    const index = this.manifest.timepoints[timepoint]?.series.findIndex((each) => each.key === key) ?? 0;
    for (const each of this.compares ? [target] : this.cells) Object.assign(each, { timepoint, index });
    target.set(n);
    if (this.linked) for (const each of this.cells) if (each !== target && each.shown) this.settle(each, target.at);
    this.active = target;
    target.root.scrollIntoView({ block: "nearest" });
    this.draw();
  }

  private settle(cell: Cell, at: number): void {
    cell.follow(at);
    cell.set(cell.n);
  }

  /** Where the reader is: what is drawn in the present timepoint's viewport, or in the active one. */
  here(): Here | null {
    const cell = this.compares ? this.present : this.active;
    const { series, slice } = cell;
    const found = slice && series?.slices[slice - 1];
    return found ? { series: series.key, slice, instance: found[0], frame: found[1] } : null;
  }

  /** The series and slice of a picture; null where the page has none such. */
  place(instance: string, frame: number | string): { series: string; slice: number } | null {
    for (const { series } of this.manifest.timepoints)
      for (const each of series) {
        const at = each.slices.findIndex((slice) => slice[0] === instance && slice[1] === Number(frame));
        if (at >= 0) return { series: each.key, slice: at + 1 };
      }
    return null;
  }

  /** Renew the words on slices. */
  mark(words: Words[]): void {
    for (const cell of this.cells) cell.words = words;
    this.draw();
  }

  // --- what is shown ---------------------------------------------------------------------------------------------
  choosePreset(name: string): void {
    this.preset = this.manifest.presets.find((preset) => preset.name === name) ?? this.preset;
    this.draw();
  }

  compare(on: boolean): void {
    const earlier = this.cells[0] as Cell;
    const { present } = this;
    earlier.root.hidden = !on;
    this.root.querySelector("[data-views]")?.classList.toggle("px-view-2", on);
    if (on && earlier.count) this.settle(earlier, present.at);
    if (!on) this.active = present;
    this.draw();
  }

  /** Another series is chosen by its label, so that every viewport shows the same one. */
  chooseSeries(index: number): void {
    const label = this.seriesOf(this.active)[index]?.label;
    for (const cell of this.cells) {
      const same = this.seriesOf(cell).findIndex((each) => each.label === label);
      if (same < 0 && cell !== this.active) continue;
      cell.index = Math.max(same, 0);
      this.settle(cell, cell.at);
    }
    this.draw();
  }

  chooseTimepoint(cells: readonly Cell[], timepoint: number): void {
    for (const cell of cells) {
      cell.timepoint = timepoint;
      cell.index = Math.min(cell.index, Math.max(this.seriesOf(cell).length - 1, 0));
      this.settle(cell, cell.at);
    }
    this.draw();
  }

  seriesOf(cell: Cell): Series[] {
    return this.manifest.timepoints[cell.timepoint]?.series ?? [];
  }

  find(key: string): Series | undefined {
    return this.manifest.timepoints.flatMap(({ series }) => series).find((each) => each.key === key);
  }

  /** The viewport in which a series is in sight, else the active one. */
  cellOf(key: string): Cell {
    if (this.active.series?.key === key) return this.active;
    return this.cells.find((cell) => cell.shown && cell.series?.key === key) ?? this.active;
  }

  // --- marks -----------------------------------------------------------------------------------------------------
  measure(tool: ToolName, options?: MeasureOptions): Promise<Mark> {
    return this.marking.measure(tool, options);
  }

  marks(): Mark[] {
    return this.marking.all;
  }

  /** The marks of the page itself, without those that are signed. */
  own(): Mark[] {
    return this.marking.own;
  }

  /** How the stage stands, as it is kept with a mark. */
  view(cell = this.active): ViewState {
    const window = cell.view.getWindow();
    return {
      preset: this.preset?.name ?? "",
      window: window ? [window.centre, window.width] : null,
      ...cell.view.standing,
      slice: cell.slice ?? cell.n,
      layout: `1x${this.cells.filter((each) => each.shown).length}`,
      timepoints: this.cells.filter((each) => each.shown).map((each) => each.timepoint),
      plane: "stack",
    };
  }

  /** Show a mark as whoever drew it saw it: its slice, window, zoom, pan and layout; in the viewport given, if one is. */
  async show(mark: Mark, cell?: Cell): Promise<void> {
    const at = this.place(mark.instance, mark.frame);
    if (!at) return;
    const view = "slice" in mark.view ? (mark.view as ViewState) : null;
    if (view && this.compares) {
      const earlier = this.cells[0] as Cell;
      if (view.timepoints.length > 1) this.chooseTimepoint([earlier], view.timepoints[0] as number);
      this.compare(view.timepoints.length > 1);
    }
    if (view?.preset) this.choosePreset(view.preset);
    this.go(at.series, at.slice, cell);
    const shown = this.active;
    await shown.complete();
    if (!view) return;
    shown.view.standing = view;
    if (view.window) shown.view.setWindow({ centre: view.window[0], width: view.window[1] });
    this.renew();
  }
}
