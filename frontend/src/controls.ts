// The stage's controls: buttons, lists and slider of the page, wheel and keys; each does one thing to the stage.
import { type Drag, isDrawable } from "./engine/index.ts";
import { offsetOf } from "./manifest.ts";
import { Pen } from "./pen.ts";
import type { Stage } from "./stage.ts";

const WHEEL_PX = 40;
const STEPS: Record<string, number> = {
  ArrowDown: 1,
  ArrowRight: 1,
  ArrowUp: -1,
  ArrowLeft: -1,
  PageDown: 10,
  PageUp: -10,
  Home: -Infinity,
  End: Infinity,
};
const PANS: Record<string, [number, number]> = {
  ArrowDown: [0, -40],
  ArrowUp: [0, 40],
  ArrowLeft: [40, 0],
  ArrowRight: [-40, 0],
};
const NEARER = 1.25;
const WRITING = "input, select, textarea, [contenteditable]";

export class Controls {
  private readonly stage: Stage;
  private readonly root: HTMLElement;
  private readonly pen = new Pen((sentence) => this.stage.tell("px:problem", { sentence }));

  constructor(stage: Stage) {
    this.stage = stage;
    this.root = stage.root;
    this.root.addEventListener("click", (event) => this.click(event));
    this.slider.addEventListener("input", () => stage.move(stage.active, Number(this.slider.value)));
    this.series.addEventListener("change", () => stage.chooseSeries(Number(this.series.value)));
    for (const select of this.all<HTMLSelectElement>("[data-timepoint]"))
      select.addEventListener("change", () => {
        const cell = stage.cells[Number(select.dataset.timepoint)];
        stage.chooseTimepoint(cell ? [cell] : stage.cells, Number(select.value));
      });
    for (const cell of stage.cells) {
      cell.root.addEventListener("focus", () => stage.activate(cell));
      cell.root.addEventListener("pointerdown", () => {
        stage.activate(cell);
        this.complain(""); // of what was done before
      });
      let wheeled = 0;
      const wheel = (event: WheelEvent): void => {
        event.preventDefault();
        wheeled += event.deltaMode === 0 ? event.deltaY : event.deltaY * WHEEL_PX;
        const steps = Math.trunc(wheeled / WHEEL_PX);
        wheeled -= steps * WHEEL_PX;
        if (steps) stage.step(steps, cell);
      };
      cell.root.addEventListener("wheel", wheel, { passive: false });
    }
    // Before the page's shortcuts, which would take keys from the pen.
    document.addEventListener("keydown", (event) => this.key(event), { capture: true });
    this.root.addEventListener("px:problem", (event) => this.complain((event as CustomEvent<{ sentence: string }>).detail.sentence));
    stage.watch(() => this.renew());
  }

  private all<Kind extends HTMLElement>(selector: string): Kind[] {
    return [...this.root.querySelectorAll<Kind>(selector)];
  }

  private get slider(): HTMLInputElement {
    return this.root.querySelector("[data-slider]") as HTMLInputElement;
  }

  private get series(): HTMLSelectElement {
    return this.root.querySelector("[data-series]") as HTMLSelectElement;
  }

  private complain(sentence: string): void {
    const place = this.root.querySelector<HTMLElement>("[data-problem]");
    if (place) place.textContent = sentence;
  }

  private click(event: Event): void {
    const selector = "[data-preset], [data-compare], [data-link], [data-tool], [data-adjust]";
    const button = (event.target as Element).closest<HTMLElement>(selector);
    if (!button) return;
    const { stage } = this;
    const { preset, tool, adjust } = button.dataset;
    if (preset) stage.choosePreset(preset);
    else if ("compare" in button.dataset) stage.compare(button.getAttribute("aria-pressed") !== "true");
    else if (tool) this.take(tool as Drag);
    else if (adjust) this.adjust(adjust);
    else {
      stage.link(!stage.linked);
    }
  }

  /** Take a tool in hand, or put it away if it is there; keys go to the picture from now on. */
  private take(tool: Drag): void {
    const { marking } = this.stage;
    this.pen.lift();
    this.complain("");
    marking.use(marking.drawing.using === tool ? "scroll" : tool);
    this.stage.active.root.focus({ preventScroll: true });
  }

  private adjust(what: string): void {
    const view = this.stage.active.camera;
    if (what === "nearer") view.zoomBy(NEARER);
    else if (what === "farther") view.zoomBy(1 / NEARER);
    else if (what === "invert") view.invert();
    else view.reset();
  }

  // Arrows move the slices unless a control wants them; the page keys do so also while a number is typed.
  private key(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || !(event.target instanceof Element)) return;
    const control = event.target.closest(WRITING);
    const { stage } = this;
    if (!control && this.draws(event)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    const by = STEPS[event.key];
    if (by === undefined) return;
    const paging = event.key.startsWith("Page") && control?.matches('input:not([type="range"], [type="radio"])');
    if (control ? !paging : event.target.closest("summary, a")) return;
    event.preventDefault();
    const pan = event.shiftKey && !control ? PANS[event.key] : undefined;
    if (pan) stage.active.camera.panBy(...pan);
    else stage.step(by);
  }

  /** Keys of whoever draws without a pointer; true where the key was taken. */
  private draws(event: KeyboardEvent): boolean {
    const { marking, active } = this.stage;
    const { using } = marking.drawing;
    if (event.key === "Escape") {
      const busy = this.pen.writing || using !== "scroll" || marking.drawing.busy;
      this.pen.lift();
      if (busy) marking.use("scroll");
      return busy;
    }
    if ((event.key === "Delete" || event.key === "Backspace") && active.root.contains(event.target as Node)) {
      return marking.removeSelected();
    }
    const here = active.root.contains(event.target as Node) || this.pen.writing;
    if (!here || using === "scroll" || using === "window" || !isDrawable(using)) return false;
    const done = this.pen.key(event, active, using);
    if (typeof done !== "boolean") marking.add(done);
    return done !== false;
  }

  /** Bring the controls up to date with the stage. */
  private renew(): void {
    const { stage, slider, series } = this;
    const { active } = stage;
    const press = (selector: string, holds: (button: HTMLElement) => boolean): void => {
      for (const button of this.all(selector)) button.setAttribute("aria-pressed", String(holds(button)));
    };
    press("[data-preset]", (button) => button.dataset.preset === stage.preset?.name);
    press("[data-link]", () => stage.linked);
    press("[data-tool]", (button) => button.dataset.tool === stage.marking.drawing.using);
    if (stage.compares) {
      const compared = stage.cells[0]?.shown ?? false;
      press("[data-compare]", () => compared);
      for (const control of this.all("[data-compared]")) control.hidden = !compared;
    }
    for (const select of this.all<HTMLSelectElement>("[data-timepoint]"))
      select.value = String((stage.cells[Number(select.dataset.timepoint)] ?? active).timepoint);
    const labels = stage.seriesOf(active).map((each) => each.label);
    if (labels.join("\n") !== [...series.options].map((option) => option.text).join("\n"))
      series.replaceChildren(...labels.map((label, n) => new Option(label, String(n))));
    series.value = String(active.index);
    series.disabled = labels.length < 2;
    Object.assign(slider, { max: String(active.count || 1), value: String(active.n) });
    slider.setAttribute("aria-valuetext", `Slice ${active.n} of ${active.count}`);
    this.position();
  }

  // What is on the screen, not what was asked for: a slice that is still on its way is not yet "the slice shown".
  private position(): void {
    const output = this.root.querySelector("[data-position]") as HTMLOutputElement;
    const { slice, series, count } = this.stage.active;
    if (!slice || !series) output.value = count ? `${count} slices` : "No images";
    else output.value = `Slice ${slice} / ${count}, ${offsetOf(series, slice).toFixed(1)} mm`;
  }
}
