// Drawing by keys alone: Enter brings a cross, arrows move it, Enter sets a point; Escape takes it away.
import type { Cell } from "./cell.ts";
import type { Drawn } from "./engine/index.ts";
import type { ToolName, Triple } from "./manifest.ts";
import { POINTS } from "./mark.ts";

export type Spot = [number, number];

const MOVES: Record<string, Spot> = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const FAR = 10;

/** The points of a mark from the spots that were set: an ellipse is drawn by two corners of its box. */
export function shapeOf(tool: ToolName, spots: readonly Spot[]): Spot[] | undefined {
  const last = spots.at(-1);
  const before = spots.at(-2);
  if (tool === "freehand") {
    const closed = spots.length > 3 && last && before && last[0] === before[0] && last[1] === before[1];
    return closed ? spots.slice(0, -1) : undefined;
  }
  if (tool === "ellipse") {
    const [a, b] = spots;
    if (!a || !b) return undefined;
    const [x, y] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    return [[x, Math.max(a[1], b[1])], [x, Math.min(a[1], b[1])], [Math.min(a[0], b[0]), y], [Math.max(a[0], b[0]), y]];
  }
  return spots.length === POINTS[tool] ? [...spots] : undefined;
}

export class Pen {
  private cell: Cell | undefined;
  private at: Spot = [0, 0];
  private spots: Spot[] = [];
  private readonly cross = document.createElement("span");
  private readonly told: (sentence: string) => void;

  constructor(told: (sentence: string) => void) {
    this.told = told;
    this.cross.className = "rd-cross";
  }

  get writing(): boolean {
    return this.cell !== undefined;
  }

  /** Lift the pen: what was begun is gone. */
  lift(): void {
    this.cell = undefined;
    this.spots = [];
    this.cross.remove();
  }

  /** Take a key; returns the mark when it is complete, true when the key was the pen's, false when it was not. */
  key(event: KeyboardEvent, cell: Cell, tool: Drawn["tool"]): Drawn | boolean {
    if (!this.cell) {
      if (event.key !== "Enter") return false;
      if (!cell.settled) {
        this.told("The picture is still on its way. Measure when it is complete.");
        return true;
      }
      this.cell = cell;
      const { clientWidth, clientHeight } = cell.view.element;
      this.at = [Math.round(clientWidth / 2), Math.round(clientHeight / 2)];
      cell.view.element.append(this.cross);
      this.move([0, 0]);
      return true;
    }
    const way = MOVES[event.key];
    if (way) this.move(event.shiftKey ? [way[0] * FAR, way[1] * FAR] : way);
    else if (event.key === "Enter") return this.set(tool);
    else return event.key.startsWith("Page") || event.key === "Home" || event.key === "End"; // the slice stays
    return true;
  }

  private move([x, y]: Spot): void {
    const { clientWidth, clientHeight } = (this.cell as Cell).view.element;
    this.at = [Math.min(Math.max(this.at[0] + x, 0), clientWidth), Math.min(Math.max(this.at[1] + y, 0), clientHeight)];
    Object.assign(this.cross.style, { left: `${this.at[0]}px`, top: `${this.at[1]}px` });
  }

  private set(tool: Drawn["tool"]): Drawn | boolean {
    const cell = this.cell as Cell;
    this.spots.push([...this.at]);
    const shape = shapeOf(tool, this.spots);
    const { drawn } = cell.view;
    if (!shape || !drawn) {
      this.told(`Point ${this.spots.length} is set.`);
      return true;
    }
    const points = shape.map(([x, y]): Triple => cell.view.toPatient(x, y));
    this.lift();
    return { key: crypto.randomUUID(), tool, series: drawn.series.key, slice: drawn.slice, points };
  }
}
