// A viewport that shows planes through a volume, drawn by the processor: it needs no WebGL, and its values are exact.
import type { Triple } from "../manifest.ts";
import { overlay, paint, table, type ColourMap, type Range } from "./colours.ts";
import type { Standing } from "./following.ts";
import { middle } from "./grid.ts";
import { along, cutOf, nearestPlane, pixelOf, PLANES, pointOf, type Cut, type PlaneName } from "./plane.ts";
import { reslice, valueAt, type Volume } from "./reslice.ts";
import { brightest, DEGREES, project, quick, STEPS, turned, turningCut } from "./turning.ts";

/** What is drawn: the first layer in full, a second one in colour over it. */
export interface Layer {
  volume: Volume;
  range: Range;
  map: ColourMap;
  opacity: number;
}

/** A bar of the colours with their values, at the right edge. */
function scaleBar(context: CanvasRenderingContext2D, { map, range, volume }: Layer, width: number, height: number): void {
  const rgb = table(map);
  const tall = Math.min(height * 0.4, 160);
  const top = (height - tall) / 2;
  for (let n = 0; n < tall; n += 1) {
    const level = Math.floor((1 - n / tall) * 255) * 3;
    context.fillStyle = `rgb(${rgb[level]} ${rgb[level + 1]} ${rgb[level + 2]})`;
    context.fillRect(width - 18, top + n, 10, 1.5);
  }
  context.fillStyle = "#d5dde2";
  context.font = "11px sans-serif";
  context.textAlign = "right";
  const unit = volume.grid.series.suv_factor ? "SUV " : "";
  context.fillText(`${unit}${Math.round(range.high * 100) / 100}`, width - 8, top - 5);
  context.fillText(String(Math.round(range.low * 100) / 100), width - 8, top + tall + 13);
}

/** How long a picture that turned stands before the full volume is thrown. */
const REST_MS = 160;
const LEAST_ZOOM = 0.25;
const MOST_ZOOM = 20;

export class PlaneView {
  readonly canvas: HTMLCanvasElement;
  private readonly picture = document.createElement("canvas");
  private readonly drawn: () => void;
  private layers: Layer[] = [];
  private cut: Cut | undefined;
  private name: PlaneName = "axial";
  private slab = 0;
  private at = 1;
  private zoom = 1;
  private pan: [number, number] = [0, 0];
  private waits = false;
  private fresh = false;
  private values: Float32Array[] = [];
  private step = 1;
  /** The first layer's volume as it turns. */
  private coarse: Volume | undefined;
  private resting = 0;

  constructor(host: HTMLElement, drawn: () => void) {
    this.drawn = drawn;
    this.canvas = document.createElement("canvas");
    this.canvas.dataset.plane = "";
    this.canvas.setAttribute("role", "img");
    host.querySelector("[data-picture]")?.after(this.canvas); // words lie over it
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** Show a plane through the first layer's volume; where planes stay the same, so does the place. */
  show(layers: Layer[], name: PlaneName, slab: number): void {
    const [first] = layers;
    if (!first) return;
    const same = this.layers[0]?.volume === first.volume && this.name === name;
    if (this.layers[0]?.volume !== first.volume) this.coarse = undefined;
    const place = same ? this.point : middle(first.volume.grid);
    const turned = this.turns;
    Object.assign(this, { layers, name, slab });
    if (!same || turned !== this.turns) this.lay(first.volume);
    if (place) this.at = nearestPlane(this.cut!, place);
    this.fresh = false;
    this.draw();
  }

  private lay({ grid }: Volume): void {
    const plane = PLANES[this.name];
    this.cut = this.turns ? turningCut(grid, turned(plane, this.degrees)) : cutOf(grid, plane);
  }

  // --- turning ------------------------------------------------------------------------------------------------
  /** Whether it shows the whole body from a side, which can be another one. */
  get turns(): boolean {
    return this.slab === Infinity && this.name !== "axial" && this.layers.length === 1;
  }

  get degrees(): number {
    return (this.step - 1) * DEGREES;
  }

  /** Which of the pictures of a turn is shown, from 1; they go round. */
  get turn(): number {
    return this.step;
  }

  set turn(step: number) {
    const next = ((((step - 1) % STEPS) + STEPS) % STEPS) + 1;
    const [first] = this.layers;
    if (next === this.step) return;
    this.step = next;
    if (!first || !this.turns) return;
    this.lay(first.volume);
    this.fresh = false;
    clearTimeout(this.resting);
    this.coarse ??= quick(first.volume);
    if (this.coarse !== first.volume)
      this.resting = window.setTimeout(() => {
        this.resting = 0;
        this.fresh = false;
        this.draw();
      }, REST_MS);
    this.draw();
  }

  /** Whether what was asked for is on the screen. */
  get settled(): boolean {
    return this.fresh && !this.waits;
  }

  // --- places -------------------------------------------------------------------------------------------------
  get count(): number {
    return this.cut?.count ?? 0;
  }

  get n(): number {
    return this.at;
  }

  set n(n: number) {
    const next = Math.min(Math.max(n, 1), this.count || 1);
    if (next === this.at) return;
    this.at = next;
    this.fresh = false;
    this.draw();
  }

  goTo(point: Triple): void {
    if (this.cut) this.n = nearestPlane(this.cut, point);
  }

  /** The middle of the plane that is shown. */
  get point(): Triple | undefined {
    const { cut } = this;
    return cut && pointOf(cut, (cut.columns - 1) / 2, (cut.rows - 1) / 2, along(cut, this.at));
  }

  get standing(): Standing | undefined {
    const series = this.layers[0]?.volume.grid.series;
    return series && { series, slice: this.at, point: this.point, normal: this.cut?.plane.normal };
  }

  /** The directions of the picture, to the right and down. */
  get directions(): [Triple, Triple] | undefined {
    return this.cut && [this.cut.plane.right, this.cut.plane.down];
  }

  /** Pixels of the screen (CSS) for one pixel of the plane, and where its left upper corner lies. */
  private get fit(): { scale: number; x: number; y: number } {
    const { cut, canvas, zoom, pan } = this;
    if (!cut) return { scale: 1, x: 0, y: 0 };
    const { clientWidth: width, clientHeight: height } = canvas;
    const scale = Math.min(width / cut.columns, height / cut.rows) * zoom;
    return {
      scale,
      x: (width - cut.columns * scale) / 2 + pan[0],
      y: (height - cut.rows * scale) / 2 + pan[1],
    };
  }

  /** The point of the patient under a place of the viewport (CSS pixels), and back. */
  toPatient(x: number, y: number): Triple | undefined {
    const { cut, fit } = this;
    const middles = 0.5; // the middle of a pixel is its place
    const [column, row] = [(x - fit.x) / fit.scale - middles, (y - fit.y) / fit.scale - middles];
    const [first] = this.layers;
    // Through the whole volume a place is that of the value which is seen there.
    if (cut && first && this.turns) return brightest(first.volume, cut, column, row);
    return cut && pointOf(cut, column, row, along(cut, this.at));
  }

  toScreen(point: Triple): [number, number] {
    const { cut, fit } = this;
    if (!cut) return [0, 0];
    const [column, row] = pixelOf(cut, point);
    return [fit.x + (column + 0.5) * fit.scale, fit.y + (row + 0.5) * fit.scale];
  }

  /** The values at a point, layer by layer; what lies outside of a volume has none. */
  valuesAt(point: Triple): (number | undefined)[] {
    return this.layers.map(({ volume }) => valueAt(volume, point));
  }

  // --- zoom and pan --------------------------------------------------------------------------------------------
  zoomBy(factor: number): void {
    this.zoom = Math.min(Math.max(this.zoom * factor, LEAST_ZOOM), MOST_ZOOM);
    this.draw();
  }

  panBy(x: number, y: number): void {
    this.pan = [this.pan[0] + x, this.pan[1] + y];
    this.draw();
  }

  reset(): void {
    this.zoom = 1;
    this.pan = [0, 0];
    this.turn = 1;
    this.draw();
  }

  // --- drawing ---------------------------------------------------------------------------------------------------
  draw(): void {
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => {
      this.waits = false;
      if (this.cut && this.canvas.clientWidth) this.render(this.cut);
    });
  }

  /** A slab of the whole volume lies in its middle. */
  private place(cut: Cut): number {
    return this.slab === Infinity ? along(cut, (cut.count + 1) / 2) : along(cut, this.at);
  }

  private slabOf(cut: Cut): number {
    return Math.min(this.slab, cut.count * cut.gap);
  }

  /** How the coarser picture lies, while that is shown. */
  private thrownCut: Cut | undefined;

  private thrown(volume: Volume): Float32Array {
    const { coarse, resting, cut } = this;
    this.thrownCut = coarse && resting ? turningCut(coarse.grid, cut!.plane) : undefined;
    return project(this.thrownCut ? coarse! : volume, this.thrownCut ?? cut!);
  }

  private render(cut: Cut): void {
    const { canvas, picture, layers } = this;
    if (!this.fresh) {
      // A second layer is cut where the first one is: both lie in one space.
      this.thrownCut = undefined;
      this.values = layers.map(({ volume }) =>
        this.turns ? this.thrown(volume) : reslice(volume, cut, this.place(cut), this.slabOf(cut)),
      );
      this.fresh = true;
      const { columns, rows } = this.thrownCut ?? cut;
      Object.assign(picture, { width: columns, height: rows });
      const image = new ImageData(columns, rows);
      layers.forEach((layer, n) => {
        if (n) overlay(this.values[n]!, layer.range, layer.map, layer.opacity, image.data);
        else paint(this.values[n]!, layer.range, layer.map, image.data);
      });
      picture.getContext("2d")!.putImageData(image, 0, 0);
    }
    const ratio = window.devicePixelRatio || 1;
    Object.assign(canvas, { width: canvas.clientWidth * ratio, height: canvas.clientHeight * ratio });
    const context = canvas.getContext("2d")!;
    const { scale, x, y } = this.fit;
    context.scale(ratio, ratio);
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, x, y, cut.columns * scale, cut.rows * scale);
    const top = layers.at(-1);
    if (top && layers.length > 1) scaleBar(context, top, canvas.clientWidth, canvas.clientHeight);
    canvas.dataset.drawn = String(this.turns ? this.step : this.at);
    this.drawn();
  }
}
