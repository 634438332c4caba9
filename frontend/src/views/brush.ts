// The brush: paints regions on the slices of a stack, by pointer or by keys, and draws what is painted.
import { heldValues } from "../engine/index.ts";
import type { Series } from "../manifest.ts";
import { SOFTWARE } from "../marking.ts";
import { pixelOfPoint, pointOfPixel } from "./geometry.ts";
import { Painting, type Threshold } from "./painting.ts";
import type { PlacedCell } from "./placed_cell.ts";
import { Segments, type Segment } from "./segments.ts";
import type { Viewer } from "./viewer.ts";

const COLOUR = [80, 200, 255, 110] as const;
const RADII_MM = [1, 2, 3, 4, 6, 8, 11, 15, 20, 30];
const USUAL = 4;
const STEP_KEYS: Record<string, [number, number]> = {
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
};

export class Brush {
  on = false;
  erases = false;
  threshold: Threshold | undefined;
  readonly segments: Segments;
  /** Resolves when the regions stored before are here. */
  readonly loaded: Promise<void>;
  private size = USUAL;
  private readonly viewer: Viewer;
  private readonly paintings = new Map<string, Painting>();
  private current = "";
  /** Where the keys hold the brush, and where the pointer is: pixels of the slice. */
  private at: [number, number] | undefined;

  constructor(viewer: Viewer) {
    this.viewer = viewer;
    this.segments = new Segments(viewer.manifest.segments_url, (problem) => {
      if (problem) viewer.tell("px:problem", { sentence: problem });
      viewer.renew();
    });
    for (const each of viewer.manifest.segments ?? []) this.segments.all.set(each.key, each);
    this.loaded = this.segments.load().then(() => viewer.draw());
    for (const cell of viewer.cells) this.listen(cell);
    viewer.watch(() => this.show());
  }

  get radius(): number {
    return RADII_MM[this.size]!;
  }

  grow(by: 1 | -1): void {
    this.size = Math.min(Math.max(this.size + by, 0), RADII_MM.length - 1);
    this.viewer.renew();
  }

  use(on: boolean): void {
    this.on = on;
    if (on) this.viewer.marking.use("scroll");
    this.viewer.root.toggleAttribute("data-brushes", on);
    this.viewer.renew();
  }

  // --- regions -------------------------------------------------------------------------------------------------
  /** The region that is painted now, in the active viewport's series. */
  get segment(): Segment | undefined {
    const { series } = this.viewer.present;
    const chosen = this.segments.all.get(this.current);
    if (chosen && !chosen.removed && chosen.series === series?.key) return chosen;
    return this.segments.stands.find((each) => each.series === series?.key);
  }

  /** Begin another region, of a lesion or of none. */
  begin(lesion: number | null = null): void {
    const { series } = this.viewer.present;
    if (!series) return;
    this.current = crypto.randomUUID();
    const made = { key: this.current, version: 0, series: series.key, lesion, slices: [], voxels: 0, volume_ml: null };
    this.segments.all.set(this.current, { ...made, software: SOFTWARE, removed: false });
    this.viewer.renew();
  }

  choose(key: string): void {
    this.current = key;
    this.viewer.draw();
  }

  private paintingOf(segment: Segment, series: Series): Painting {
    let found = this.paintings.get(segment.key);
    if (!found) {
      const slices = segment.slices.flatMap(([instance, frame, runs]) => {
        const n = series.slices.findIndex((each) => each[0] === instance && each[1] === frame);
        return n < 0 ? [] : [[n + 1, runs] as const];
      });
      found = new Painting(series, slices);
      this.paintings.set(segment.key, found);
    }
    return found;
  }

  private get painting(): Painting | undefined {
    const { segment, viewer } = this;
    const { series } = viewer.present;
    return segment && series && this.paintingOf(segment, series);
  }

  undo(): void {
    if (this.painting?.undo()) this.store();
  }

  redo(): void {
    if (this.painting?.redo()) this.store();
  }

  clear(): void {
    this.painting?.clear();
    this.store();
  }

  private store(): void {
    const { segment, painting, viewer } = this;
    const { series } = viewer.present;
    if (!segment || !painting || !series) return;
    const slices = painting.slices.map(([n, runs]): Segment["slices"][number] => {
      const [instance, frame] = series.slices[n - 1]!;
      return [instance, frame, runs];
    });
    // It may have become a lesion while it was painted.
    const { lesion } = this.segments.latest(segment.key) ?? segment;
    void this.segments.put({ ...segment, lesion, slices, voxels: painting.voxels });
    viewer.draw();
  }

  /** What is painted, in words; the volume is the house's. */
  get words(): string {
    const { segment, painting } = this;
    if (!segment) return "Nothing is painted here.";
    const stored = segment.voxels === painting?.voxels && segment.version > 0;
    const volume = segment.volume_ml === null ? "" : `${segment.volume_ml.toFixed(2)} ml, `;
    return stored ? `${volume}${segment.voxels} voxels` : `${painting?.voxels ?? 0} voxels …`;
  }

  // --- painting --------------------------------------------------------------------------------------------------
  private dab(cell: PlacedCell, [column, row]: [number, number], erase: boolean): void {
    const { series, slice } = cell;
    if (!series || !slice) return;
    if (!this.segment) this.begin();
    const [down, across] = series.spacing ?? [1, 1];
    const disc = { column, row, across: this.radius / across, down: this.radius / down };
    this.painting?.dab(slice, disc, erase, heldValues(series, slice), this.threshold);
    this.show();
  }

  private pixelAt(cell: PlacedCell, event: MouseEvent): [number, number] | undefined {
    const { series, slice } = cell;
    if (!series || !slice) return undefined;
    const box = cell.view.element.getBoundingClientRect();
    return pixelOfPoint(series, slice, cell.view.toPatient(event.clientX - box.left, event.clientY - box.top));
  }

  private listen(cell: PlacedCell): void {
    let paints = false;
    const stop = (event: Event): void => {
      event.preventDefault();
      event.stopPropagation();
    };
    const mine = (event: Event): boolean =>
      this.on && cell === this.viewer.present && cell.settled && !(event instanceof MouseEvent && event.button);
    const go = (event: PointerEvent): void => {
      const from = this.at;
      const to = this.pixelAt(cell, event);
      if (!to) return;
      this.at = to;
      if (!paints) {
        this.show();
        return;
      }
      // A fast hand leaves no gaps.
      const steps = from ? Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1])) : 1;
      for (let n = 1; n <= steps; n += 1) {
        const share = n / steps;
        const [x, y] = from ?? to;
        this.dab(cell, [x + (to[0] - x) * share, y + (to[1] - y) * share], this.erases || event.shiftKey);
      }
    };
    const end = (): void => {
      if (!paints) return;
      paints = false;
      if (this.painting?.end()) this.store();
    };
    const capture = { capture: true };
    cell.root.addEventListener(
      "pointerdown",
      (event) => {
        if (this.on) this.viewer.activate(cell);
        if (!mine(event)) return;
        stop(event);
        cell.root.setPointerCapture(event.pointerId);
        if (!this.segment) this.begin();
        this.painting?.begin();
        paints = true;
        this.at = undefined;
        go(event);
      },
      capture,
    );
    cell.root.addEventListener("pointermove", (event) => this.on && cell === this.viewer.present && go(event));
    cell.root.addEventListener("pointerup", end);
    cell.root.addEventListener("pointercancel", end);
    // The picture's own tools hear the mouse and touch, not the pointer.
    for (const type of ["mousedown", "touchstart"])
      cell.root.addEventListener(type, (event) => mine(event) && stop(event), { capture: true, passive: false });
  }

  /** Keys while the brush is in hand; true where the key was taken. Alt and arrows move it, Enter paints. */
  key(event: KeyboardEvent): boolean {
    const { present } = this.viewer;
    const undoes = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (undoes) {
      if (event.shiftKey) this.redo();
      else this.undo();
      return true;
    }
    const step = event.altKey ? STEP_KEYS[event.key] : undefined;
    const { series } = present;
    if (!series || event.ctrlKey || event.metaKey) return false;
    this.at ??= [(series.columns - 1) / 2, (series.rows - 1) / 2];
    if (step) {
      this.at = [this.at[0] + step[0] * (event.shiftKey ? 10 : 1), this.at[1] + step[1] * (event.shiftKey ? 10 : 1)];
      this.show();
      return true;
    }
    if (event.key === "Escape") {
      this.use(false);
      return true;
    }
    if (event.key !== "Enter" || !present.root.contains(event.target as Node)) return false;
    if (!this.segment) this.begin();
    this.painting?.begin();
    this.dab(present, this.at, this.erases || event.shiftKey);
    if (this.painting?.end()) this.store();
    return true;
  }

  // --- drawing -----------------------------------------------------------------------------------------------------
  private readonly layer = document.createElement("canvas");

  private show(): void {
    for (const cell of this.viewer.inSight) this.overlay(cell);
  }

  private overlay(cell: PlacedCell): void {
    const { series, slice } = cell;
    let canvas = cell.root.querySelector<HTMLCanvasElement>("canvas[data-painted]");
    const segments = series && slice ? this.segments.stands.filter((each) => each.series === series.key) : [];
    if (!canvas && !segments.length && !this.on) return;
    if (!canvas) {
      canvas = document.createElement("canvas");
      canvas.dataset.painted = "";
      canvas.setAttribute("aria-hidden", "true");
      cell.root.append(canvas);
    }
    const { clientWidth: width, clientHeight: height } = canvas;
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    if (!context || !series || !slice) return;
    const toScreen = (column: number, row: number): [number, number] =>
      cell.view.toScreen(pointOfPixel(series, slice, column, row));
    const [x, y] = toScreen(-0.5, -0.5);
    const [rx, ry] = toScreen(series.columns - 0.5, -0.5);
    const [bx, by] = toScreen(-0.5, series.rows - 0.5);
    context.imageSmoothingEnabled = false;
    for (const segment of segments) {
      const mask = this.paintingOf(segment, series).mask(slice);
      if (!mask) continue;
      Object.assign(this.layer, { width: series.columns, height: series.rows });
      const image = new ImageData(series.columns, series.rows);
      mask.forEach((inside, n) => inside && image.data.set(COLOUR, n * 4));
      this.layer.getContext("2d")!.putImageData(image, 0, 0);
      const { columns, rows } = series;
      context.setTransform((rx - x) / columns, (ry - y) / columns, (bx - x) / rows, (by - y) / rows, x, y);
      context.drawImage(this.layer, 0, 0);
      context.setTransform(1, 0, 0, 1, 0, 0);
    }
    if (this.on && this.at && cell === this.viewer.present) {
      const [cx, cy] = toScreen(...this.at);
      const [ex] = toScreen(this.at[0] + this.radius / (series.spacing?.[1] ?? 1), this.at[1]);
      context.strokeStyle = "#50c8ff";
      context.beginPath();
      context.arc(cx, cy, Math.abs(ex - cx), 0, Math.PI * 2);
      context.stroke();
    }
  }
}
