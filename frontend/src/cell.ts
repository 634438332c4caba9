// A viewport of the page: its place in the stacks, the picture in it, and the words around the picture.
import { bytesOf, idsOf, StackView } from "./engine/index.ts";
import { nearestSlice, offsetOf, type Manifest, type Preset, type Series, type View, type Words } from "./manifest.ts";

export const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** Who is told what of a viewport. */
export interface Hears {
  /** Something else is on the screen. */
  drawn(cell: Cell): void;
  /** It is in sight for the first time. */
  opened(cell: Cell): void;
}

export class Cell {
  readonly name: string;
  readonly root: HTMLElement;
  timepoint: number;
  /** Index of the series within its timepoint. */
  index = 0;
  words: Words[];
  /** The slice asked for (from 1), and its distance from the first one; what is drawn may still be another. */
  n = 1;
  at = 0;
  direction: 1 | -1 = 1;
  private picture: StackView | undefined;
  private failed = false;
  private preset: Preset | null = null;
  private waiting: (() => void)[] = [];
  private readonly manifest: Manifest;
  private readonly hears: Hears;

  constructor(root: HTMLElement, view: View, manifest: Manifest, hears: Hears) {
    this.root = root;
    this.manifest = manifest;
    this.hears = hears;
    this.name = view.name;
    this.timepoint = view.timepoint;
    this.words = view.marks ?? [];
    root.setAttribute("role", "group");
  }

  get shown(): boolean {
    return !this.root.hidden;
  }

  get title(): string {
    return this.manifest.timepoints[this.timepoint]?.title ?? "";
  }

  get series(): Series | undefined {
    return this.manifest.timepoints[this.timepoint]?.series[this.index];
  }

  get count(): number {
    return this.series?.slices.length ?? 0;
  }

  /** The viewport; made when it is first seen, for a hidden one has no size. */
  get view(): StackView {
    if (!this.picture) {
      this.picture = new StackView(this.part("[data-picture]") as HTMLDivElement);
      this.picture.onDrawn(() => this.drawn());
      this.picture.onWindow(() => this.drawn());
      this.hears.opened(this);
    }
    return this.picture;
  }

  /** What zooms, pans and turns black and white. */
  get camera(): Pick<StackView, "zoomBy" | "panBy" | "invert" | "reset"> {
    return this.view;
  }

  /** The slice on the screen: none while there is nothing, or another series is still drawn. */
  get slice(): number | undefined {
    const drawn = this.picture?.drawn;
    return drawn && drawn.series === this.series ? drawn.slice : undefined;
  }

  /** Whether what was asked for is on the screen in full: only then may be measured. */
  get settled(): boolean {
    return this.slice === this.n && !this.failed;
  }

  /** Pictures open on the first lesion measured there, else in the middle. */
  get first(): number {
    return this.words.find((each) => each.series === this.series?.key)?.slice ?? (Math.ceil(this.count / 2) || 1);
  }

  get feed() {
    const { series } = this;
    return series && { ids: idsOf(series), bytes: bytesOf(series), at: this.n - 1, direction: this.direction };
  }

  set(n: number): void {
    this.n = clamp(n, 1, this.count || 1);
    this.at = this.series ? offsetOf(this.series, this.n) : 0;
  }

  /** Go to the slice nearest to a distance from the first one; the distance itself is kept, so that steps add up. */
  follow(at: number): void {
    if (!this.series) return;
    this.at = at;
    this.n = nearestSlice(this.series, at);
  }

  draw(preset: Preset | null, heading: string): void {
    const { series, title } = this;
    this.root.setAttribute("aria-label", `Images of ${title}`);
    this.say("[data-name]", heading);
    if (!series || !this.count) {
      this.say("[data-place]", "No images");
      return;
    }
    this.failed = false;
    // A charter's windows are made for CT: where they bind nobody, other pictures open in their own.
    this.preset = this.manifest.windows_locked || series.modality === "CT" ? preset : null;
    const { n, view } = this;
    view.setWindow(this.preset ?? undefined);
    view.show(series, n).catch(() => this.fail(series, n));
    this.drawn();
  }

  /** Resolves when what was asked for last is on the screen. */
  async complete(): Promise<void> {
    if (!this.settled && this.count) await new Promise<void>((done) => this.waiting.push(done));
  }

  private drawn(): void {
    const { series, slice } = this;
    if (!series || this.failed) return;
    this.root.toggleAttribute("data-waiting", !this.settled);
    if (slice === undefined) return;
    this.root.dataset.slice = String(slice);
    this.say("[data-place]", `${slice} / ${this.count}`).removeAttribute("data-failed");
    this.say("[data-window]", this.through(series));
    const here = this.words.filter((each) => each.series === series.key && each.slice === slice);
    this.say("[data-marks]", here.map((each) => each.text).join("\n"));
    const words = `${this.title}, ${series.label}, slice ${slice} of ${this.count}`;
    this.part("[data-picture]").setAttribute("aria-label", words);
    if (this.settled) for (const done of this.waiting.splice(0)) done();
    this.hears.drawn(this);
  }

  private through(series: Series): string {
    const window = this.view.getWindow();
    if (series.samples > 1 || !window) return "";
    const { centre, width } = window;
    const named = this.preset?.centre === centre && this.preset.width === width;
    return `${named ? `${this.preset?.name}  ` : ""}C ${centre}  W ${width}`;
  }

  private fail(series: Series, n: number): void {
    if (this.series !== series || this.n !== n) return;
    this.failed = true;
    this.say("[data-place]", `Slice ${n} could not be loaded. Reload the page.`).setAttribute("data-failed", "");
  }

  say(selector: string, text: string): HTMLElement {
    const place = this.part(selector);
    if (place.textContent !== text) place.textContent = text;
    return place;
  }

  private part(selector: string): HTMLElement {
    return this.root.querySelector(selector) as HTMLElement;
  }
}
