// What a reader drew, as it is kept (contract B): where, with which tool, as seen how, and what the server made of it.
import type { ToolName, Triple } from "./manifest.ts";

/** What one viewport of a layout showed: its timepoint and series, and how the volume was cut. */
export interface CellState {
  timepoint: number;
  series: string;
  preset: string;
  plane: string;
  /** mm; all: the whole volume. */
  slab?: number | "all";
  /** How far it was turned around the body's axis. */
  degrees?: number;
  map?: string;
  over?: string;
  over_preset?: string;
  opacity?: number;
}

/** How the stage stood when a mark was made; `show(mark)` restores it. */
export interface ViewState {
  preset: string;
  window: [number, number] | null;
  zoom: number;
  pan: [number, number];
  inverted: boolean;
  slice: number;
  layout: string;
  timepoints: number[];
  plane: string;
  /** Where any viewport showed something else than a stack. */
  cells?: CellState[];
}

export interface Measured {
  long_mm?: number;
  short_mm?: number;
  length_mm?: number;
  area_mm2?: number;
  mean?: number;
  sd?: number;
  min?: number;
  max?: number;
  angle_deg?: number;
  unit?: string;
}

export interface Mark {
  key: string;
  /** 0: not stored yet. */
  version: number;
  tool: ToolName;
  series: string;
  instance: string;
  frame: number;
  /** Patient LPS, mm; or, where a picture has no place in the patient, `pixel`: [column, row]. */
  points?: Triple[];
  pixel?: [number, number][];
  view: ViewState | Record<string, never>;
  software: string;
  measured?: Measured;
  hints?: string[];
  lesion: { number: number | null; part: number; label?: string } | null;
  removed: boolean;
}

/** Stores a mark and returns it as stored, with its version and what the server measured. */
export interface Keeper {
  store(mark: Mark): Promise<Mark>;
}

/** Points that make up a mark; freehand takes as many as are drawn. */
export const POINTS: Record<ToolName, number> = {
  length: 2,
  bidirectional: 4,
  ellipse: 4,
  freehand: Infinity,
  angle: 3,
  point: 1,
  brush: 0,
};

/** A mark that goes nowhere (a click without a stroke) is none. */
export function isEmpty(tool: ToolName, points: readonly Triple[]): boolean {
  if (tool === "point") return points.length !== 1;
  if (points.length < Math.min(POINTS[tool], 3)) return true;
  const [first] = points;
  return !first || points.every((point) => Math.hypot(...point.map((x, n) => x - (first[n] as number))) < 0.01);
}
