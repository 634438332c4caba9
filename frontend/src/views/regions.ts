// Painted regions as pages that list lesions know them: what each holds, and which lesion it is said to be.
import type { Brush } from "./brush.ts";
import type { Segment } from "./segments.ts";
import type { Viewer } from "./viewer.ts";

export interface Region {
  key: string;
  name: string;
  lesion: number | null;
  volume_ml: number | null;
  voxels: number;
  series: string;
  /** The slice (from 1) on which most of it lies. */
  slice: number;
}

export class Regions {
  /** What the page calls its lesions, by number. */
  readonly labels = new Map<number, string>();
  readonly loaded: Promise<void>;
  private readonly viewer: Viewer;
  private readonly brush: Brush;

  constructor(viewer: Viewer, brush: Brush) {
    this.viewer = viewer;
    this.brush = brush;
    this.loaded = brush.loaded;
    brush.segments.stored = (segment) => viewer.tell("px:region", { segment });
  }

  /** All that are stored and hold something, in the order in which they were begun. */
  get all(): Region[] {
    return this.brush.segments.stands.flatMap((segment, n) =>
      segment.version && segment.voxels ? [this.told(segment, `Region ${n + 1}`)] : [],
    );
  }

  /** The region in hand; undefined where nothing is painted in the series that is shown. */
  get current(): Region | undefined {
    const key = this.brush.segment?.key;
    return this.all.find((each) => each.key === key);
  }

  /** The region of a lesion. */
  of(lesion: number): Region | undefined {
    return this.all.find((each) => each.lesion === lesion);
  }

  /** Say that a region is a lesion, which then has no other one; null: that it is none. Resolves true once it is stored. */
  async tie(key: string, lesion: number | null): Promise<boolean> {
    const { segments } = this.brush;
    const before = lesion === null ? undefined : this.of(lesion);
    if (before && before.key !== key && !(await segments.tie(before.key, null))) return false;
    return segments.tie(key, lesion);
  }

  private told(segment: Segment, name: string): Region {
    const { key, lesion, volume_ml, voxels, series, slices } = segment;
    const inside = (runs: readonly number[]): number => runs.reduce((sum, run, n) => sum + (n % 2 ? run : 0), 0);
    const fullest = slices.reduce((best, each) => (inside(each[2]) > inside(best[2]) ? each : best));
    const slice = this.viewer.place(fullest[0], fullest[1])?.slice ?? 1;
    const label = lesion === null ? undefined : this.labels.get(lesion);
    return { key, name: label ? `${name}, ${label}` : name, lesion, volume_ml, voxels, series, slice };
  }
}
