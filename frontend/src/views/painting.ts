// Painting into the pixels of a stack: discs of a brush, within a range of values if wanted, each stroke one step to undo.
import { runsOf, maskOf, count } from "./runs.ts";

export interface Size {
  rows: number;
  columns: number;
}

/** Values that may be painted. */
export interface Threshold {
  low: number;
  high: number;
}

/** A disc in pixels: its middle (column, row), and its radius along columns and rows. */
export interface Disc {
  column: number;
  row: number;
  across: number;
  down: number;
}

const MOST_STEPS = 100;

/** What is painted in one series: a mask for each slice (from 1). */
export class Painting {
  readonly size: Size;
  private readonly masks = new Map<number, Uint8Array>();
  private readonly undone: Map<number, number[]>[] = [];
  private readonly done: Map<number, number[]>[] = [];
  private stroke: Map<number, number[]> | undefined;

  constructor(size: Size, slices: Iterable<readonly [number, readonly number[]]> = []) {
    this.size = size;
    for (const [slice, runs] of slices) this.masks.set(slice, maskOf(runs, size.rows * size.columns));
  }

  mask(slice: number): Uint8Array | undefined {
    return this.masks.get(slice);
  }

  /** Begin a stroke, which is undone as a whole. */
  begin(): void {
    this.stroke = new Map();
  }

  /** Paint or erase a disc; with values only where they lie within the threshold. */
  dab(slice: number, disc: Disc, erase: boolean, values?: ArrayLike<number>, threshold?: Threshold): void {
    const { rows, columns } = this.size;
    const mask = this.masks.get(slice) ?? new Uint8Array(rows * columns);
    if (this.stroke && !this.stroke.has(slice)) this.stroke.set(slice, runsOf(mask));
    const { column, row, across, down } = disc;
    for (let y = Math.max(Math.ceil(row - down), 0); y <= Math.min(row + down, rows - 1); y += 1)
      for (let x = Math.max(Math.ceil(column - across), 0); x <= Math.min(column + across, columns - 1); x += 1) {
        if (((x - column) / across) ** 2 + ((y - row) / down) ** 2 > 1) continue;
        const value = values?.[y * columns + x];
        if (!erase && threshold && (value === undefined || value < threshold.low || value > threshold.high)) continue;
        mask[y * columns + x] = erase ? 0 : 1;
      }
    this.masks.set(slice, mask);
  }

  /** End a stroke; tells whether it changed anything. */
  end(): boolean {
    const { stroke } = this;
    this.stroke = undefined;
    const changed = stroke && [...stroke].some(([slice, before]) => String(before) !== String(this.runs(slice)));
    if (!stroke || !changed) return false;
    this.done.push(stroke);
    if (this.done.length > MOST_STEPS) this.done.shift();
    this.undone.length = 0;
    return true;
  }

  undo(): boolean {
    return this.exchange(this.done, this.undone);
  }

  redo(): boolean {
    return this.exchange(this.undone, this.done);
  }

  private exchange(from: Map<number, number[]>[], to: Map<number, number[]>[]): boolean {
    const step = from.pop();
    if (!step) return false;
    to.push(new Map([...step.keys()].map((slice) => [slice, this.runs(slice)])));
    for (const [slice, runs] of step) this.masks.set(slice, maskOf(runs, this.size.rows * this.size.columns));
    return true;
  }

  /** Take everything away, as one step. */
  clear(): void {
    this.begin();
    for (const [slice, mask] of this.masks) {
      this.stroke?.set(slice, runsOf(mask));
      this.masks.set(slice, new Uint8Array(mask.length));
    }
    this.end();
  }

  private runs(slice: number): number[] {
    const mask = this.masks.get(slice);
    return mask ? runsOf(mask) : [];
  }

  /** What is painted: the slices that hold anything, with their runs. */
  get slices(): [number, number[]][] {
    return [...this.masks].flatMap(([slice, mask]) => (count(mask) ? [[slice, runsOf(mask)] as [number, number[]]] : []));
  }

  get voxels(): number {
    return [...this.masks.values()].reduce((sum, mask) => sum + count(mask), 0);
  }
}
