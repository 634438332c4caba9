// Drawing on the stage: which tool is in hand, the marks there are, and their way to whoever keeps them.
import { type Drag, Drawing, type Drawn, idOf, isDrawable, type Under } from "./engine/index.ts";
import type { Cell } from "./cell.ts";
import { isEmpty, type Keeper, type Mark, type ViewState } from "./mark.ts";
import { kindOf, type Series, type ToolName, type Triple } from "./manifest.ts";
import type { Stage } from "./stage.ts";

export const SOFTWARE = "parallax-viewer 1";
const LOADING = "The picture is still on its way. Measure when it is complete.";

const SIGNED = "The earlier timepoint is signed. Measure on the present one.";
const LOCKED = "This mark is signed with its timepoint and stays as it is.";

export interface MeasureOptions {
  lesion?: Mark["lesion"];
  /** Words beside the mark, such as the lesion's number. */
  label?: string;
}

interface Waiting {
  options: MeasureOptions;
  done: (mark: Mark) => void;
  given: (problem: Error) => void;
}

export class Marking {
  /** Replaced by whoever stores marks; by itself the page keeps them until it is left. */
  keeper: Keeper = { store: (mark) => Promise.resolve({ ...mark, version: mark.version + 1 }) };
  readonly drawing: Drawing;
  private readonly stage: Stage;
  private readonly kept = new Map<string, Mark>();
  private readonly labels = new Map<string, string>();
  private readonly owners = new Map<string, Cell>();
  /** Keys of marks that are signed. */
  private readonly locked = new Set<string>();
  private waiting: Waiting | undefined;

  constructor(stage: Stage) {
    this.stage = stage;
    this.drawing = new Drawing(stage.manifest.tools, stage.manifest.windows_locked);
    this.drawing.onMade = (drawn) => this.made(drawn);
    this.drawing.onEdited = (drawn) => this.edited(drawn);
    for (const cell of stage.cells) {
      // Cornerstone hears mouse and touch on the picture; what must not reach it is stopped on the way there.
      const guard = (event: Event): void => {
        const sentence = this.obstacle(cell, event);
        if (sentence === undefined) return;
        event.stopPropagation();
        event.preventDefault();
        stage.tell("px:problem", { sentence });
      };
      for (const type of ["mousedown", "touchstart"])
        cell.root.addEventListener(type, guard, { capture: true, passive: false });
      // The cursor says beforehand what a press would do.
      cell.root.addEventListener("pointermove", (event) => {
        const under = this.signed(cell) && this.draws ? "locked" : this.under(cell, event);
        if (cell.root.dataset.under !== under) cell.root.dataset.under = under ?? "";
      });
    }
  }

  private get draws(): boolean {
    return this.drawing.using !== "scroll" && this.drawing.using !== "window";
  }

  /** Whether a viewport shows a timepoint whose read is signed already: it is looked at, and nothing is drawn there. */
  private signed(cell: Cell): boolean {
    const { marks_url, timepoints } = this.stage.manifest;
    return marks_url !== null && cell.timepoint < timepoints.length - 1;
  }

  private under(cell: Cell, { clientX, clientY }: { clientX: number; clientY: number }): Under | undefined {
    if (!cell.slice) return undefined;
    const box = cell.view.element.getBoundingClientRect();
    return this.drawing.under(cell.view.element, [clientX - box.left, clientY - box.top]);
  }

  /** Why a press on a viewport does nothing, as a sentence; undefined where it does something. */
  private obstacle(cell: Cell, event: Event): string | undefined {
    if (event instanceof MouseEvent && event.button) return undefined;
    if (this.draws) return this.signed(cell) ? SIGNED : cell.settled ? undefined : LOADING;
    const place = event instanceof MouseEvent ? event : (event as TouchEvent).touches[0];
    const alone = event instanceof MouseEvent || (event as TouchEvent).touches.length === 1;
    return place && alone && this.under(cell, place) === "locked" ? LOCKED : undefined;
  }

  /** A viewport has come into sight: it takes the tools. */
  join(cell: Cell): void {
    this.drawing.join(cell.view.id, cell.view.engineId);
  }

  // --- the tool in hand ------------------------------------------------------------------------------------------
  /** Take a tool, or put it away: what is left of a measurement that was asked for is refused. */
  use(hand: Drag): void {
    this.waiting?.given(new Error("The measurement was not finished."));
    this.waiting = undefined;
    for (const cell of this.stage.cells) if (cell.shown) this.drawing.cancel(cell.view.element, (key) => this.kept.has(key));
    this.drawing.use(hand);
    this.stage.renew();
  }

  /** Take a tool for one mark. Resolves when it is drawn and stored, rejects on Escape or another tool. */
  measure(tool: ToolName, options: MeasureOptions = {}): Promise<Mark> {
    if (!isDrawable(tool) || !this.stage.manifest.tools.includes(tool))
      return Promise.reject(new Error(`The charter of this trial has no tool "${tool}".`));
    this.use(tool);
    return new Promise((done, given) => {
      this.waiting = { options, done, given };
    });
  }

  // --- marks -----------------------------------------------------------------------------------------------------
  get all(): Mark[] {
    return [...this.kept.values()].filter((mark) => !mark.removed);
  }

  get own(): Mark[] {
    return this.all.filter(({ key }) => !this.locked.has(key));
  }

  get(key: string): Mark | undefined {
    return this.kept.get(key);
  }

  /** Take marks as they are stored, and show them, in one viewport alone if it is named; `label` gives the words beside one. */
  take(marks: readonly Mark[], label: (mark: Mark) => string = () => "", cell?: Cell): void {
    for (const mark of marks) {
      this.kept.set(mark.key, mark);
      this.labels.set(mark.key, label(mark));
      if (cell) this.owners.set(mark.key, cell);
      this.put(mark);
    }
  }

  /** Take marks that nobody can move or remove any more. */
  takeLocked(marks: readonly Mark[], label: (mark: Mark) => string): void {
    for (const { key } of marks) this.locked.add(key);
    this.take(marks, label);
  }

  private put(mark: Mark): void {
    const at = this.stage.place(mark.instance, mark.frame);
    const series = at && this.stage.find(at.series);
    if (mark.removed || !at || !series || !isDrawable(mark.tool)) {
      this.drawing.remove(mark.key);
      return;
    }
    const points = mark.points ?? (mark.pixel ?? []).map(([x, y]) => [x, y, at.slice - 1] as Triple);
    const drawn: Drawn = { key: mark.key, tool: mark.tool, series: at.series, slice: at.slice, points };
    const only = this.owners.get(mark.key)?.view.element;
    const shown = { only, locked: this.locked.has(mark.key) };
    this.drawing.put(drawn, this.labels.get(mark.key) ?? "", idOf(series, at.slice), shown);
  }

  async remove(key: string): Promise<void> {
    const mark = this.kept.get(key);
    if (mark) await this.keep({ ...mark, removed: true });
  }

  /** Remove the marks that were clicked last; whether there were any. */
  removeSelected(): boolean {
    const keys = this.drawing.selected.filter((key) => this.kept.has(key) && !this.locked.has(key));
    for (const key of keys) this.remove(key).catch(() => {});
    return keys.length > 0;
  }

  /** A mark that was drawn by other means than the pointer. */
  add(drawn: Drawn): void {
    const series = this.stage.find(drawn.series);
    if (!series) return;
    this.drawing.put(drawn, "", idOf(series, drawn.slice));
    this.made(drawn);
  }

  private made(drawn: Drawn): void {
    const { waiting } = this;
    this.waiting = undefined;
    this.drawing.use("scroll");
    this.stage.renew();
    const mark = this.markOf(drawn, waiting?.options.lesion ?? null);
    if (!mark || isEmpty(drawn.tool, drawn.points)) {
      this.drawing.remove(drawn.key);
      waiting?.given(new Error("Nothing was drawn."));
      return;
    }
    this.labels.set(mark.key, waiting?.options.label ?? "");
    this.keep(mark).then(waiting?.done, waiting?.given ?? (() => {}));
  }

  private edited(drawn: Drawn): void {
    const before = this.kept.get(drawn.key);
    const now = before && this.markOf(drawn, before.lesion);
    if (!before || !now) return;
    const at = { points: now.points, pixel: now.pixel, view: now.view };
    if (JSON.stringify([before.points, before.pixel]) === JSON.stringify([at.points, at.pixel])) return;
    this.keep({ ...before, ...at, measured: undefined, hints: undefined }).catch(() => {});
  }

  /** Give a mark to whoever keeps marks; where that fails the sentence is told and the mark stays as it was stored. */
  private async keep(mark: Mark): Promise<Mark> {
    const before = this.kept.get(mark.key);
    this.kept.set(mark.key, mark);
    try {
      const stored = await this.keeper.store(mark);
      this.kept.set(stored.key, stored);
      this.put(stored);
      this.stage.tell("px:mark", { mark: stored });
      return stored;
    } catch (problem) {
      if (before) {
        this.kept.set(mark.key, before);
        this.put(before);
      } else {
        this.kept.delete(mark.key);
        this.drawing.remove(mark.key);
      }
      const sentence = problem instanceof Error ? problem.message : String(problem);
      this.stage.tell("px:problem", { sentence });
      throw problem;
    }
  }

  private markOf(drawn: Drawn, lesion: Mark["lesion"]): Mark | undefined {
    const series = this.stage.find(drawn.series);
    const slice = series?.slices[drawn.slice - 1];
    if (!series || !slice) return undefined;
    return {
      key: drawn.key,
      version: 0,
      tool: drawn.tool,
      series: series.key,
      instance: slice[0],
      frame: slice[1],
      ...placed(series, drawn),
      view: this.stage.view(this.stage.cellOf(series.key)) as ViewState,
      software: SOFTWARE,
      lesion,
      removed: false,
    };
  }
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** Points in the patient, or on the picture where that has no place in the patient. */
function placed(series: Series, { slice, points }: Drawn): Pick<Mark, "points" | "pixel"> {
  if (kindOf(series, slice).orientation && series.slices[slice - 1]?.[3])
    return { points: points.map((point) => point.map(rounded) as Triple) };
  return { pixel: points.map(([x, y]) => [rounded(x), rounded(y)]) };
}
