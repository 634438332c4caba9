// What a viewport shows instead of its stack: a plane through the volume, a slab of it, or a fusion of two series.
import { windowOf, type Preset, type Series, type Triple } from "../manifest.ts";
import { rangeOf, type ColourMap } from "./colours.ts";
import { sharesSpace, type Standing } from "./following.ts";
import { DEGREES, STEPS } from "./turning.ts";
import type { PlaneName } from "./plane.ts";
import { PlaneView, type Layer } from "./plane_view.ts";
import type { Volume } from "./reslice.ts";
import { obstacle, volumeOf } from "./volumes.ts";

/** How a viewport is cut: `slab` in mm (0: one plane, Infinity: all of it); `beneath` makes it a fusion. */
export interface Look {
  plane: PlaneName;
  slab: number;
  map: ColourMap;
  beneath?: Series;
  beneathPreset?: Preset;
  /** How far a view of the whole volume is turned at first. */
  degrees?: number;
  opacity: number;
}

export class Face {
  look: Look;
  /** Why nothing is shown, as a sentence. */
  problem = "";
  private readonly view: PlaneView;
  private readonly told: () => void;
  private series: Series | undefined;
  private preset: Preset | undefined;
  private shown = "";
  private asked = 0;
  private loaded = "";

  constructor(host: HTMLElement, look: Look, told: () => void) {
    this.look = look;
    this.told = told;
    this.view = new PlaneView(host, told);
    if (look.degrees) this.view.turn = Math.round(look.degrees / DEGREES) + 1;
  }

  remove(): void {
    this.asked += 1;
    this.view.canvas.remove();
  }

  get canvas(): HTMLCanvasElement {
    return this.view.canvas;
  }

  // --- what is shown ------------------------------------------------------------------------------------------
  draw(series: Series, preset: Preset): void {
    const { beneath } = this.look;
    this.series = series;
    this.preset = preset;
    this.problem = this.obstacle(series) ?? "";
    this.view.canvas.hidden = Boolean(this.problem);
    const wanted = [series, beneath].flatMap((each) => each?.key ?? []).join(" ");
    if (this.problem || this.shown === wanted) {
      if (!this.problem) this.compose();
      this.told();
      return;
    }
    this.shown = "";
    this.asked += 1;
    void this.fetch(wanted, this.asked);
  }

  private obstacle(series: Series): string | undefined {
    const { beneath } = this.look;
    if (beneath && !sharesSpace(series, beneath))
      return `${series.label} and ${beneath.label} were not acquired in one position, so they are not laid over each other.`;
    return obstacle(series) ?? (beneath && obstacle(beneath));
  }

  private volumes: Volume[] = [];

  private async fetch(wanted: string, asked: number): Promise<void> {
    const { beneath } = this.look;
    const all = [...(beneath ? [beneath] : []), this.series as Series];
    const counts = new Map<string, number>();
    const of = all.reduce((sum, each) => sum + each.slices.length, 0);
    const progress = (key: string) => (loaded: number) => {
      counts.set(key, loaded);
      if (asked !== this.asked) return;
      this.loaded = `Loading ${[...counts.values()].reduce((sum, each) => sum + each, 0)} / ${of}`;
      this.told();
    };
    this.told();
    try {
      const volumes = await Promise.all(all.map((each) => volumeOf(each, progress(each.key))));
      if (asked !== this.asked) return;
      this.volumes = volumes;
      this.shown = wanted;
      this.compose();
    } catch {
      if (asked === this.asked) this.problem = "Not all slices of this series could be loaded. Reload the page.";
    }
    this.told();
  }

  private compose(): void {
    const { look, series, preset } = this;
    if (!series || !preset || !this.volumes.length) return;
    const layers: Layer[] = this.volumes.map((volume, n) => {
      const top = n === this.volumes.length - 1;
      const of = volume.grid.series;
      const { centre, width } = windowOf(top ? preset : (look.beneathPreset ?? preset), of);
      return { volume, range: rangeOf(centre, width), map: top ? look.map : "grey", opacity: look.opacity };
    });
    this.view.show(layers, look.plane, look.slab);
  }

  /** Whether the planes asked for are on the screen. */
  get settled(): boolean {
    return this.problem ? true : Boolean(this.shown) && this.view.settled;
  }

  /** What stands in the corner: the plane's number, how far loading is, or why there is nothing. */
  get place(): string {
    if (this.problem) return this.problem;
    if (!this.shown) return this.loaded || "Loading";
    if (this.turns) return `Turned ${this.degrees}°`;
    return this.whole ? "Whole volume" : `${this.n} / ${this.count}`;
  }

  get words(): string {
    const { plane, slab, beneath } = this.look;
    const cut = this.whole ? "MIP" : slab ? `MIP of ${slab} mm` : "";
    return [plane, cut, beneath && `over ${beneath.label}`].filter(Boolean).join(", ");
  }

  // --- places -----------------------------------------------------------------------------------------------------
  private get whole(): boolean {
    return this.look.slab === Infinity;
  }

  /** Whether it is looked at from a side, and turns. */
  get turns(): boolean {
    return this.whole && this.look.plane !== "axial" && !this.look.beneath;
  }

  /** How far it is turned around the body's axis. */
  get degrees(): number {
    return (this.view.turn - 1) * DEGREES;
  }

  get count(): number {
    if (this.turns) return STEPS;
    return this.whole ? 1 : this.view.count;
  }

  get n(): number {
    if (this.turns) return this.view.turn;
    return this.whole ? 1 : this.view.n;
  }

  set n(n: number) {
    if (this.turns) this.view.turn = n;
    else if (!this.whole) this.view.n = n;
  }

  goTo(point: Triple): void {
    if (!this.whole) this.view.goTo(point);
  }

  get standing(): Standing | undefined {
    const { standing } = this.view;
    return standing && this.series && this.shown ? { ...standing, series: this.series } : undefined;
  }

  get directions(): [Triple, Triple] | undefined {
    return this.view.directions;
  }

  toPatient(x: number, y: number): Triple | undefined {
    return this.shown ? this.view.toPatient(x, y) : undefined;
  }

  toScreen(point: Triple): [number, number] {
    return this.view.toScreen(point);
  }

  /** What lies at a point: each series with its value there. */
  valuesAt(point: Triple): { series: Series; value: number }[] {
    if (!this.shown || (this.whole && !this.turns)) return [];
    return this.view
      .valuesAt(point)
      .flatMap((value, n) => (value === undefined ? [] : [{ series: this.volumes[n]!.grid.series, value }]))
      .reverse();
  }

  zoomBy(factor: number): void {
    this.view.zoomBy(factor);
  }

  panBy(x: number, y: number): void {
    this.view.panBy(x, y);
  }

  reset(): void {
    this.view.reset();
  }

  invert(): void {
    this.look.map = this.look.map === "inverse" ? "grey" : "inverse";
    this.compose();
  }
}
