// The second row of controls: layout, what the active viewport shows and how it is cut, links, cine, and the brush.
import type { Preset, Series } from "../manifest.ts";
import type { Brush } from "./brush.ts";
import { Cine } from "./cine.ts";
import type { ColourMap } from "./colours.ts";
import type { Look } from "./face.ts";
import { sharesSpace } from "./following.ts";
import { LAYOUTS } from "./layouts.ts";
import type { PlaneName } from "./plane.ts";
import type { PlacedCell } from "./placed_cell.ts";
import { TURN_MS } from "./turning.ts";
import type { Viewer } from "./viewer.ts";

const LAYOUT_WORDS: Record<string, string> = {
  "1x1": "One picture",
  "1x2": "Two side by side",
  "1x3": "Three side by side",
  "2x1": "Two, one above the other",
  "2x2": "Two rows of two",
};
const FUSION = "fusion";
const STILL = "This device asks for less motion, so nothing turns by itself. Drag it, or turn it with the arrows.";

export class Bar {
  private readonly viewer: Viewer;
  private readonly brush: Brush;
  private readonly bar: HTMLElement;
  private readonly cine: Cine;
  private readonly still = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(viewer: Viewer, brush: Brush, bar: HTMLElement) {
    this.viewer = viewer;
    this.brush = brush;
    this.bar = bar;
    this.cine = new Cine(() => viewer.renew());
    bar.hidden = false;
    bar.addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLElement>("[data-do]");
      if (button) this.act(button.dataset.do as string);
    });
    bar.addEventListener("change", (event) => this.choose(event.target as HTMLInputElement | HTMLSelectElement));
    bar.addEventListener("input", (event) => {
      const target = event.target as HTMLInputElement;
      if (target.type === "range") this.choose(target);
    });
    // Keys go to the pictures again once something is chosen.
    bar.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      if (!(event.target as Element).matches("select, input")) return;
      event.preventDefault();
      viewer.active.root.focus({ preventScroll: true });
    });
    document.addEventListener("keydown", (event) => this.key(event), { capture: true });
    for (const cell of viewer.cells) {
      cell.root.addEventListener("pointerdown", () => this.cine.plays && this.cine.stop());
      cell.root.addEventListener("wheel", () => this.cine.plays && this.cine.stop(), { passive: true });
    }
    this.still.addEventListener("change", () => this.still.matches && viewer.active.turns && this.cine.stop());
    viewer.watch(() => this.renew());
    this.renew();
  }

  private part<Kind extends HTMLElement = HTMLSelectElement>(name: string): Kind {
    return this.bar.querySelector(`[data-of="${name}"]`) as Kind;
  }

  private key(event: KeyboardEvent): void {
    if (event.defaultPrevented || !this.brush.on || document.querySelector("dialog[open]")) return;
    if ((event.target as Element).closest?.("input, select, textarea")) return;
    if (!this.brush.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  // --- what buttons do -------------------------------------------------------------------------------------------
  private act(what: string): void {
    const { viewer, brush, cine } = this;
    const acts: Record<string, () => void> = {
      play: () => (cine.plays ? cine.stop() : this.play()),
      slower: () => cine.faster(-1),
      faster: () => cine.faster(1),
      link: () => void viewer.linkHere(),
      unlink: () => void viewer.unlink(),
      brush: () => brush.use(!brush.on),
      erase: () => {
        brush.erases = !brush.erases;
      },
      thinner: () => brush.grow(-1),
      thicker: () => brush.grow(1),
      undo: () => brush.undo(),
      redo: () => brush.redo(),
      clear: () => brush.clear(),
      region: () => brush.begin(),
    };
    acts[what]?.();
    if (what === "brush" && brush.on) viewer.present.root.focus({ preventScroll: true });
    this.renew();
  }

  /** Play what is shown; a body turns by itself only where the device does not ask for less motion. */
  private play(): void {
    const { viewer, cine } = this;
    if (viewer.active.turns && this.still.matches) viewer.tell("px:problem", { sentence: STILL });
    else cine.play(this.player(viewer.active));
  }

  private player(cell: PlacedCell) {
    const { viewer } = this;
    return {
      get count() {
        return cell.count;
      },
      get n() {
        return cell.n;
      },
      get settled() {
        return cell.settled;
      },
      pace: cell.turns ? TURN_MS : (cell.series?.cine_ms ?? null),
      go: (n: number) => viewer.move(cell, n),
    };
  }

  private choose(control: HTMLInputElement | HTMLSelectElement): void {
    const { viewer, brush } = this;
    const { value } = control;
    const { active } = viewer;
    const look = active.face?.look;
    switch (control.dataset.of) {
      case "layout": {
        const hanging = viewer.hangings.find((each) => each.name === value);
        if (hanging) viewer.hang(hanging);
        else if (LAYOUTS.includes(value)) viewer.arrange(value);
        break;
      }
      case "timepoint":
        viewer.chooseTimepoint([active], Number(value));
        break;
      case "plane":
        viewer.cut(this.lookFor(value, active));
        break;
      case "slab":
        if (look) viewer.cut({ ...look, slab: value === "all" ? Infinity : Number(value) });
        break;
      case "map":
        if (look) this.change(active, { map: value as ColourMap });
        else active.view.invert();
        break;
      case "opacity":
        if (look) this.change(active, { opacity: Number(value) / 100 });
        break;
      case "region":
        brush.choose(value);
        break;
      case "low":
      case "high":
        this.threshold();
        break;
    }
    this.renew();
  }

  private change(cell: PlacedCell, part: Partial<Look>): void {
    if (cell.face) Object.assign(cell.face.look, part);
    this.viewer.draw();
  }

  private threshold(): void {
    const [low, high] = ["low", "high"].map((name) => this.part<HTMLInputElement>(name).value) as [string, string];
    const none = low === "" && high === "";
    this.brush.threshold = none
      ? undefined
      : { low: low === "" ? -Infinity : Number(low), high: high === "" ? Infinity : Number(high) };
  }

  private lookFor(value: string, cell: PlacedCell): Look | undefined {
    const { series, face } = cell;
    if (value === "stack" || !series) return undefined;
    const usual: ColourMap = series.modality === "PT" ? "inverse" : "grey";
    const [kind, key] = value.split(" ") as [string, string | undefined];
    if (kind !== FUSION) {
      const plane = kind as PlaneName;
      const was = face?.look;
      return { plane, slab: was && was.slab < Infinity ? was.slab : 0, map: was && !was.beneath ? was.map : usual, opacity: 0.5 };
    }
    const beneath = this.viewer.seriesOf(cell).find((each) => each.key === key);
    const beneathPreset = beneath && this.presetFor(beneath);
    if (!beneath || !beneathPreset) return undefined;
    return { plane: face?.look.plane ?? "axial", slab: 0, map: "hot iron", opacity: 0.5, beneath, beneathPreset };
  }

  /** The window in which a series is shown elsewhere, else the one of its kind: the widest for the lungs is none. */
  private presetFor(series: Series): Preset | undefined {
    const { viewer } = this;
    const shown = viewer.cells.find((cell) => cell.own && cell.series?.label === series.label)?.own;
    const hung = viewer.hangings.flatMap(({ cells }) => cells).find((cell) => cell?.over === series.label);
    const named = viewer.manifest.presets.find(({ name }) => name === hung?.over_preset);
    return named ?? shown ?? viewer.manifest.presets[0];
  }

  // --- what controls show ----------------------------------------------------------------------------------------
  private renew(): void {
    const { viewer, brush, cine } = this;
    const { active } = viewer;
    const look = active.face?.look;
    const series = active.series;
    this.fill("layout", [
      ...(viewer.layout ? [] : [["", "As opened"] as const]),
      ...viewer.hangings.map(({ name }) => [name, name] as const),
      ...LAYOUTS.map((layout) => [layout, LAYOUT_WORDS[layout] as string] as const),
    ]);
    if (active.face) {
      (viewer.root.querySelector("[data-position]") as HTMLOutputElement).value = active.face.place;
      viewer.root.querySelector("[data-slider]")?.setAttribute("aria-valuetext", active.face.place);
    }
    this.part("layout").value = viewer.hung || viewer.layout;
    this.fill("timepoint", viewer.manifest.timepoints.map(({ title }, n) => [String(n), title] as const));
    this.part("timepoint").value = String(active.timepoint);
    const others = viewer.seriesOf(active).filter((each) => series && each !== series && sharesSpace(each, series));
    this.fill("plane", [
      ["stack", "As acquired"],
      ["axial", "Axial"],
      ["coronal", "Coronal"],
      ["sagittal", "Sagittal"],
      ...others.map((each) => [`${FUSION} ${each.key}`, `In colour over ${each.label}`] as const),
    ]);
    this.part("plane").value = look?.beneath ? `${FUSION} ${look.beneath.key}` : (look?.plane ?? "stack");
    this.part("slab").value = look?.slab === Infinity ? "all" : String(look?.slab ?? 0);
    this.part("map").value = look?.map ?? (active.series && active.view.standing.inverted ? "inverse" : "grey");
    for (const option of this.part("map").options) option.disabled = !look && option.value === "hot iron";
    this.part<HTMLInputElement>("opacity").value = String(Math.round((look?.opacity ?? 0.5) * 100));
    // One of the two is always there: pictures would move under the hand that comes to another viewport.
    this.see("slab", !look?.beneath);
    this.part("slab").disabled = !look;
    this.see("opacity", Boolean(look?.beneath));
    for (const each of viewer.root.querySelectorAll<HTMLElement>("[data-preset]"))
      if (active.own) each.setAttribute("aria-pressed", String(each.dataset.preset === active.own.name));
    for (const each of viewer.root.querySelectorAll<HTMLElement>("[data-compare]"))
      if (viewer.layout) each.setAttribute("aria-pressed", String(viewer.showsEarlier));
    for (const each of viewer.root.querySelectorAll<HTMLElement>("[data-compared]"))
      if (viewer.layout) each.hidden = !each.matches("[data-link]") || viewer.inSight.length < 2;
    this.see("timepoint", Boolean(viewer.layout) && viewer.manifest.timepoints.length > 1);
    const draws = viewer.manifest.tools.length > 0; // a read that is closed takes nothing more
    this.see("links", draws && viewer.inSight.length > 1 && viewer.manifest.links_url !== null);
    this.press("play", cine.plays);
    this.part<HTMLOutputElement>("rate").value = `${cine.rate}/s`;
    this.button("unlink").disabled = !viewer.isLinkedHere;
    this.see("brush", viewer.manifest.tools.includes("brush") && viewer.manifest.segments_url !== null);
    this.see("painting", brush.on);
    this.press("brush", brush.on);
    this.press("erase", brush.erases);
    this.part<HTMLOutputElement>("radius").value = `${brush.radius} mm`;
    this.part<HTMLOutputElement>("painted").value = brush.words;
    const regions = brush.segments.stands.filter((each) => each.series === viewer.present.series?.key);
    const names = new Map(viewer.regions?.all.map((each) => [each.key, each.name]));
    this.fill("region", regions.map(({ key }) => [key, names.get(key) ?? "New region"] as const));
    this.part("region").value = brush.segment?.key ?? "";
  }

  private button(what: string): HTMLButtonElement {
    return this.bar.querySelector(`[data-do="${what}"]`) as HTMLButtonElement;
  }

  private press(what: string, on: boolean): void {
    this.button(what).setAttribute("aria-pressed", String(on));
  }

  private see(name: string, on: boolean): void {
    for (const each of this.bar.querySelectorAll<HTMLElement>(`[data-if="${name}"]`)) each.hidden = !on;
  }

  private fill(name: string, options: readonly (readonly [string, string])[]): void {
    const select = this.part(name);
    const told = options.map(([value, text]) => `${value}=${text}`).join("\n");
    if (select.dataset.told === told) return;
    select.dataset.told = told;
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  }
}
