// One viewport that shows a stack of pictures: which slice, through which window, how near, and what it tells of it.
import { FARTHEST, NEAREST } from "./hands.ts";
import * as lib from "./library.ts";
import { kindOf, offsetOf, type Series, type Triple } from "../manifest.ts";
import { idOf, idsOf, pictureOf } from "./pictures.ts";

const ENGINE = "px";
const { Events, ViewportType } = lib.Enums;

export interface Window {
  centre: number;
  width: number;
}

/**
 * How a viewport stands, as it is kept with a mark and restored for whoever replays it: zoom against the picture's fit
 * into the viewport, pan in mm on the picture, so that it holds in a viewport of any size.
 */
export interface Standing {
  zoom: number;
  pan: [number, number];
  inverted: boolean;
}

/** Whether values have fractions, as uptake has: a window of 5 is then 5 wide (PS3.3 §C.11.2.1.3.2), else 4 and both ends. */
const endless = (series: Series): boolean => series.float || series.suv_factor !== null;

const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;

let engine: lib.RenderingEngine | undefined;
let viewports = 0;

export class StackView {
  readonly id: string;
  readonly engineId = ENGINE;
  readonly element: HTMLDivElement;
  private series: Series | undefined;
  private window: Window | undefined;
  private windowed = false;
  private asked = 0;

  constructor(element: HTMLDivElement) {
    viewports += 1;
    this.id = `view-${viewports}`;
    this.element = element;
    engine ??= new lib.RenderingEngine(ENGINE);
    engine.enableElement({ viewportId: this.id, type: ViewportType.STACK, element });
    element.removeAttribute("tabindex"); // keys go to the page's own viewport: Cornerstone would swallow them
    new ResizeObserver(() => this.fit()).observe(element);
    element.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  private get viewport(): lib.StackViewport {
    return engine?.getViewport(this.id) as lib.StackViewport;
  }

  private fit(): void {
    if (!this.element.clientWidth || !this.element.clientHeight) return;
    const { standing } = this; // against the picture's own fit, which is another in a viewport of another size
    engine?.resize(true, false);
    this.standing = standing;
  }

  /** Show a slice (from 1) of a series. Resolves true when it is on the screen, false where another was asked meanwhile. */
  async show(series: Series, slice: number): Promise<boolean> {
    this.asked += 1;
    const { asked } = this;
    const another = this.series !== series;
    this.series = series;
    if (another) {
      this.windowed = false;
      await this.viewport.setStack(idsOf(series), slice - 1);
      this.applyWindow();
    } else await this.viewport.setImageIdIndex(slice - 1);
    // A stack that was sent to another slice before it stood has not heard of its window.
    if (!this.windowed) this.applyWindow();
    if (asked !== this.asked) return false;
    this.viewport.render();
    return true;
  }

  /** Series and slice of the picture that is drawn, which may not be the one asked for last. */
  get drawn(): { series: Series; slice: number } | undefined {
    const id = this.series && this.viewport.getCornerstoneImage()?.imageId;
    return id ? pictureOf(id) : undefined;
  }

  /** Call back each time a picture is on the screen. */
  onDrawn(tell: () => void): void {
    this.element.addEventListener(Events.IMAGE_RENDERED, tell);
  }

  /** Call back when the window was dragged. */
  onWindow(tell: () => void): void {
    this.element.addEventListener(Events.VOI_MODIFIED, tell);
  }

  // --- window ------------------------------------------------------------------------------------------------
  /** Show through a window; undefined: the pictures' own. */
  setWindow(window: Window | undefined): void {
    if (this.window && window && this.window.centre === window.centre && this.window.width === window.width) return;
    this.window = window;
    if (!this.series) return;
    this.applyWindow();
    this.viewport.render();
  }

  /** The window in force, also where it was dragged. */
  getWindow(): Window | undefined {
    const range = this.series && this.viewport.getProperties().voiRange;
    if (!range || !this.series) return this.window;
    const more = endless(this.series) ? 0 : 1;
    const { lower, upper } = range;
    return { centre: rounded((lower + upper + more) / 2), width: rounded(upper - lower + more) };
  }

  // Colour has no window of greys: it is shown as it is.
  private applyWindow(): void {
    if (!this.window || !this.series || this.series.samples > 1) return;
    const { centre, width } = this.window;
    const more = endless(this.series) ? 0 : 1;
    const lower = centre - width / 2;
    this.viewport.setProperties({ voiRange: { lower, upper: lower + width - more } });
    this.windowed = true;
  }

  invert(): void {
    if (!this.series) return;
    this.viewport.setProperties({ invert: !this.viewport.getProperties().invert });
    this.viewport.render();
  }

  // --- zoom and pan -------------------------------------------------------------------------------------------
  zoomBy(factor: number): void {
    if (!this.series) return;
    this.viewport.setZoom(Math.min(Math.max(this.viewport.getZoom() * factor, FARTHEST), NEAREST));
    this.viewport.render();
  }

  panBy(x: number, y: number): void {
    if (!this.series) return;
    const [fromX, fromY] = this.viewport.getPan();
    this.viewport.setPan([fromX + x, fromY + y]);
    this.viewport.render();
  }

  reset(): void {
    if (!this.series) return;
    this.viewport.resetCamera();
    this.viewport.setProperties({ invert: this.series.photometric === "MONOCHROME1" });
    this.applyWindow();
    this.viewport.render();
  }

  get standing(): Standing {
    if (!this.drawn || !this.series) return { zoom: 1, pan: [0, 0], inverted: false };
    const [x, y] = this.viewport.getPan();
    const { pixelsPerMm } = this;
    return {
      zoom: rounded(this.viewport.getZoom()),
      pan: [rounded(x / pixelsPerMm), rounded(y / pixelsPerMm)],
      inverted: Boolean(this.viewport.getProperties().invert) !== (this.series.photometric === "MONOCHROME1"),
    };
  }

  set standing({ zoom, pan, inverted }: Standing) {
    if (!this.drawn || !this.series) return;
    this.viewport.setZoom(zoom);
    const { pixelsPerMm } = this;
    this.viewport.setPan([pan[0] * pixelsPerMm, pan[1] * pixelsPerMm]);
    this.viewport.setProperties({ invert: inverted !== (this.series.photometric === "MONOCHROME1") });
    this.viewport.render();
  }

  // --- places ---------------------------------------------------------------------------------------------------
  /** A point on the screen (CSS pixels within the viewport) as a point in the patient (LPS, mm), and back. */
  toPatient(x: number, y: number): Triple {
    return [...this.viewport.canvasToWorld([x, y])] as Triple;
  }

  toScreen(point: Triple): [number, number] {
    return [...this.viewport.worldToCanvas(point)] as [number, number];
  }

  /** Where the picture leads in the patient, to the right and down as it is drawn; undefined where it does not tell. */
  get directions(): [Triple, Triple] | undefined {
    const { drawn } = this;
    if (!drawn || !kindOf(drawn.series, drawn.slice).orientation) return undefined;
    const corner = this.toPatient(0, 0);
    const towards = (x: number, y: number): Triple => {
      const way = this.toPatient(x, y).map((end, n) => end - corner[n]!) as Triple;
      const long = Math.hypot(...way);
      return way.map((each) => each / long) as Triple;
    };
    return [towards(100, 0), towards(0, 100)];
  }

  /** Distance of the drawn slice from the first, mm. */
  get offset(): number {
    const { drawn } = this;
    return drawn ? offsetOf(drawn.series, drawn.slice) : 0;
  }

  private get pixelsPerMm(): number {
    const [a, b] = [this.toPatient(0, 0), this.toPatient(100, 0)];
    return 100 / Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) || 1;
  }

  idAt(slice: number): string | undefined {
    return this.series && idOf(this.series, slice);
  }
}
