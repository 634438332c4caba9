// What the page tells the viewer (imaging/display/manifest.py builds it): no request is needed before the first picture.

import type { Link } from "./views/following.ts";
import type { Segment } from "./views/segments.ts";

export type Triple = [number, number, number];

/** How a picture is stored and how it lies. */
export interface Kind {
  rows: number;
  columns: number;
  samples: number;
  bits: 8 | 16 | 32;
  signed: boolean;
  float: boolean;
  photometric: "MONOCHROME1" | "MONOCHROME2" | "RGB";
  /** Between rows and between columns, mm. */
  spacing: [number, number] | null;
  orientation: [number, number, number, number, number, number] | null;
}

/**
 * Opaque key, frame, distance from the first slice (mm), position of the first pixel (LPS, mm), slope, intercept, and
 * in what the picture is unlike its series' first one.
 */
export type Slice = [string, number, number | null, Triple | null, number, number, Partial<Kind>?];

export interface Series extends Kind {
  key: string;
  label: string;
  modality: string;
  unit: string;
  suv_factor: number | null;
  /** Why PET has no SUV; empty where it has. */
  suv_reason: string;
  interval: number | null;
  space: string;
  cine_ms: number | null;
  window: [number, number] | null;
  slices: Slice[];
}

/** A window; `unit` is SUV, or empty for the unit of the stored pixels (HU, Bq/ml). */
export interface Preset {
  name: string;
  unit?: "SUV" | "";
  centre: number;
  width: number;
}

/** Words about a slice, such as a lesion measured there. */
export interface Words {
  series: string;
  slice: number;
  text: string;
}

export interface View {
  name: string;
  timepoint: number;
  marks?: Words[];
  hidden?: boolean;
}

/** One picture of a hanging; series are named by the charter's labels, `over` is what lies beneath a fusion. */
export interface HangingCell {
  series: string;
  timepoint: "present" | "previous" | "baseline" | "first" | "second";
  plane: "stack" | "axial" | "coronal" | "sagittal" | "mip" | "fusion";
  preset?: string;
  over?: string;
  over_preset?: string;
}

/** How pictures lie: as many cells as the layout ("rows x columns") has places, null where one stays empty. */
export interface Hanging {
  name: string;
  layout: string;
  linked: boolean;
  cells: (HangingCell | null)[];
}

export type ToolName = "length" | "bidirectional" | "ellipse" | "freehand" | "angle" | "point" | "brush";

export interface Manifest {
  role: "reader" | "adjudicator" | "qc" | "site" | "auditor";
  pixels_url: string;
  frame_url: string;
  thumbnail_url: string;
  marks_url: string | null;
  links_url: string | null;
  segments_url: string | null;
  presets: Preset[];
  windows_locked: boolean;
  tools: ToolName[];
  hanging: Hanging | null;
  /** All that the reader may choose from, the one above among them. */
  hangings?: Hanging[];
  /** What was linked and painted in a read that is replayed. */
  links?: Link[];
  segments?: Segment[];
  timepoints: { title: string; series: Series[] }[];
  views: View[];
}

/** The manifest in the JSON script of this id. */
export function manifestOf(id: string): Manifest {
  const script = document.getElementById(id);
  if (!script?.textContent) throw new Error(`The page holds no manifest "${id}".`);
  return JSON.parse(script.textContent) as Manifest;
}

/** A preset's window in the values that are shown: activity is shown as uptake (SUV) where the picture tells how. */
export function windowOf({ centre, width, unit }: Preset, { suv_factor }: Series): { centre: number; width: number } {
  const by = unit === "SUV" ? 1 : (suv_factor ?? 1);
  return { centre: centre * by, width: width * by };
}

/** An address of a series' frame: the page gives it with SERIES and /0/ in place of key and number. */
export const addressOf = (template: string, series: string, slice: number): string =>
  template.replace("SERIES", series).replace("/0/", `/${slice}/`);

/** What a slice (from 1) is like. */
export function kindOf(series: Series, slice: number): Kind {
  const other = series.slices[slice - 1]?.[6];
  return other ? { ...series, ...other } : series;
}

/** Distance of a slice (from 1) from the series' first one, in mm; by count where the pictures tell no place. */
export function offsetOf(series: Series, slice: number): number {
  return series.slices[slice - 1]?.[2] ?? (slice - 1) * (series.interval ?? 1);
}

/** The slice (from 1) nearest to a distance from the first one. */
export function nearestSlice(series: Series, offset: number): number {
  let best = 1;
  for (let n = 2; n <= series.slices.length; n += 1)
    if (Math.abs(offsetOf(series, n) - offset) < Math.abs(offsetOf(series, best) - offset)) best = n;
  return best;
}
