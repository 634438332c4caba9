// A viewport that may show something else than its stack, through a window of its own, and knows where it stands.
import { Cell, clamp, type Hears } from "../cell.ts";
import { windowOf, type Manifest, type Preset, type Series, type Triple, type View } from "../manifest.ts";
import { Face, type Look } from "./face.ts";
import { nearestSliceTo, standingOf, type Standing } from "./following.ts";
import { middleOfSlice } from "./geometry.ts";
import { drawSides, sidesOf } from "./sides.ts";

const NO_WINDOW: Preset = { name: "", centre: 40, width: 400 };

export class PlacedCell extends Cell {
  /** Its own window; none: the stage's. */
  own: Preset | undefined;
  face: Face | undefined;
  private readonly stage: Hears;
  private inverted = "";

  constructor(root: HTMLElement, view: View, manifest: Manifest, stage: Hears) {
    super(root, view, manifest, stage);
    this.stage = stage;
  }

  /** Cut the volume in this way; undefined: show the stack again. The place in the patient is kept. */
  cut(look: Look | undefined): void {
    const place = this.standing?.point;
    this.face?.remove();
    this.face = look && new Face(this.root, look, () => this.renew());
    this.root.toggleAttribute("data-cut", Boolean(look));
    this.root.toggleAttribute("data-fused", Boolean(look?.beneath));
    drawSides(this.root, undefined); // until something is drawn
    this.say("[data-marks]", "");
    this.place = place;
    if (!look && place) this.goTo(place);
  }

  /** Where to go once there is a volume. */
  private place: Triple | undefined;

  // --- where it stands -------------------------------------------------------------------------------------------
  override get count(): number {
    return this.face ? this.face.count : super.count;
  }

  override get slice(): number | undefined {
    return this.face ? undefined : super.slice;
  }

  override get settled(): boolean {
    return this.face ? this.face.settled : super.settled;
  }

  override get feed() {
    return this.face ? undefined : super.feed;
  }

  override set(n: number): void {
    if (!this.face) {
      super.set(n);
      return;
    }
    this.place = undefined;
    // What turns goes round.
    this.face.n = this.face.turns && Number.isFinite(n) ? n : clamp(n, 1, this.face.count || 1);
    this.n = this.face.n;
  }

  get standing(): Standing | undefined {
    const { face, series } = this;
    if (face) return face.standing;
    return series && super.count ? standingOf(series, this.n) : undefined;
  }

  /** A point of what is shown, in its middle. */
  get middle(): Triple | undefined {
    return this.face ? this.face.standing?.point : this.series && middleOfSlice(this.series, this.n);
  }

  /** Whether it shows a body that can be turned. */
  get turns(): boolean {
    return Boolean(this.face?.turns);
  }

  goTo(point: Triple): void {
    const { face, series } = this;
    if (face) {
      face.goTo(point);
      this.n = face.n;
    } else if (series) super.set(nearestSliceTo(series, point));
  }

  // --- drawing ----------------------------------------------------------------------------------------------------
  override draw(standard: Preset | null, heading: string): void {
    const preset = this.own ?? standard;
    const { series, face } = this;
    if (!series) {
      this.root.dataset.slice = "none";
      drawSides(this.root, undefined);
    }
    const named = series && preset && { ...preset, ...windowOf(preset, series) };
    if (!face || !series) {
      super.draw(named ?? null, heading);
      return;
    }
    this.root.setAttribute("aria-label", `Images of ${this.title}`);
    this.say("[data-name]", heading);
    this.say("[data-window]", named ? `${named.name}  C ${short(named.centre)}  W ${short(named.width)}` : "");
    face.draw(series, preset ?? windowless(series));
  }

  private renew(): void {
    const { face, series } = this;
    if (!face || !series) return;
    if (this.place && face.standing) {
      const { place } = this;
      this.place = undefined;
      face.goTo(place);
    }
    this.n = face.n;
    this.root.dataset.slice = String(this.n);
    this.root.toggleAttribute("data-waiting", !face.settled && !face.problem);
    this.say("[data-place]", face.place).toggleAttribute("data-failed", Boolean(face.problem));
    face.canvas.setAttribute("aria-label", `${this.title}, ${series.label}, ${face.words}, ${face.place}`);
    this.stage.drawn(this);
  }

  /** PET is read dark on light, unless the reader turned it. */
  turn(): void {
    const { series } = this;
    if (this.face || !this.settled || series?.modality !== "PT" || this.inverted === series.key) return;
    this.inverted = series.key;
    this.view.invert();
  }

  /** Write which sides of the patient lie at the edges, where that is known. */
  tellSides(): void {
    const { directions } = this.face ?? this.view;
    drawSides(this.root, directions && sidesOf(directions));
  }

  override get camera() {
    return this.face ?? this.view;
  }
}

const short = (value: number): number => Math.round(value * 1e4) / 1e4;

const windowless = ({ window }: Series): Preset =>
  window ? { ...NO_WINDOW, centre: window[0], width: window[1] } : NO_WINDOW;
