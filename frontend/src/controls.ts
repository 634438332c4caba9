// The stage's controls: buttons, lists and slider of the page, wheel and keys; each does one thing to the stage.
import type { Stage } from "./stage.ts";
import { offsetOf } from "./manifest.ts";

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
const WRITING = "input, select, textarea, [contenteditable]";

export class Controls {
  private readonly stage: Stage;
  private readonly root: HTMLElement;

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
      cell.root.addEventListener("pointerdown", () => stage.activate(cell));
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
    document.addEventListener("keydown", (event) => this.key(event));
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

  private click(event: Event): void {
    const button = (event.target as Element).closest<HTMLElement>("[data-preset], [data-compare], [data-link]");
    if (!button) return;
    const { stage } = this;
    if (button.dataset.preset) stage.choosePreset(button.dataset.preset);
    else if ("compare" in button.dataset) stage.compare(button.getAttribute("aria-pressed") !== "true");
    else {
      stage.linked = !stage.linked;
      stage.renew();
    }
  }

  // Arrows move the slices unless a control wants them; the page keys do so also while a number is typed.
  private key(event: KeyboardEvent): void {
    const by = STEPS[event.key];
    if (by === undefined || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || !(event.target instanceof Element)) return;
    const control = event.target.closest(WRITING);
    const paging = event.key.startsWith("Page") && control?.matches('input:not([type="range"], [type="radio"])');
    if (control ? !paging : event.target.closest("summary, a")) return;
    event.preventDefault();
    this.stage.step(by);
  }

  /** Bring the controls up to date with the stage. */
  private renew(): void {
    const { stage, slider, series } = this;
    const { active } = stage;
    const press = (selector: string, holds: (button: HTMLElement) => boolean): void => {
      for (const button of this.all(selector)) button.setAttribute("aria-pressed", String(holds(button)));
    };
    press("[data-preset]", (button) => button.dataset.preset === stage.preset.name);
    press("[data-link]", () => stage.linked);
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
