// The image stage: stacks of rendered pictures in one viewport or more, in step if wanted.
//
// An element `[data-stack="id"]` names the JSON script that describes series, slices and windows (`reading.pages.stage`).
// The stage offers itself as `element.stage`: `here()` tells series, picture and slice of the active viewport,
// `go(series, slice, view)` shows a slice, `place(instance, frame)` finds a picture, `mark(marks)` renews the words on
// slices. Any other viewer that offers the same can take its place.
(() => {
  const KEPT = 300; // pictures held ready
  const AHEAD = 6;
  const WHEEL_PX = 40;
  const DRAG_PX = 9;
  const KEYS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
  const all = (selector, within) => [...within.querySelectorAll(selector)];
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  class Viewport {
    constructor(stage, cell, told) {
      Object.assign(this, { stage, cell, name: told.name, timepoint: told.timepoint, marks: told.marks ?? [], series: 0, n: 1, at: 0 });
      this.canvas = cell.querySelector("canvas");
      this.cell.setAttribute("role", "group");
      this.cell.addEventListener("focus", () => stage.activate(this));
      this.cell.addEventListener("pointerdown", (event) => this.drag(event));
      this.cell.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      this.wheeled = 0;
    }

    get shown() { return !this.cell.hidden; }
    get stack() { return this.stage.told.timepoints[this.timepoint]?.series[this.series]; }
    get count() { return this.stack?.slices.length ?? 0; }
    offset(n) { return this.stack.slices[n - 1][2] ?? (n - 1) * (this.stack.interval ?? 1); }

    // The slice nearest to a distance from the first one.
    nearest(at) {
      let best = 1;
      for (let n = 2; n <= this.count; n += 1) if (Math.abs(this.offset(n) - at) < Math.abs(this.offset(best) - at)) best = n;
      return best;
    }

    wheel(event) {
      event.preventDefault();
      this.wheeled += event.deltaMode === 0 ? event.deltaY : event.deltaY * WHEEL_PX;
      const steps = Math.trunc(this.wheeled / WHEEL_PX);
      if (!steps) return;
      this.wheeled -= steps * WHEEL_PX;
      this.stage.step(this, steps);
    }

    drag(event) {
      this.stage.activate(this);
      if (event.button) return;
      let from = event.clientY;
      const move = (moved) => {
        const steps = Math.trunc((moved.clientY - from) / DRAG_PX);
        if (!steps) return;
        from += steps * DRAG_PX;
        this.stage.step(this, steps);
      };
      const end = () => { this.cell.removeEventListener("pointermove", move); };
      this.cell.setPointerCapture(event.pointerId);
      this.cell.addEventListener("pointermove", move);
      for (const type of ["pointerup", "pointercancel"]) this.cell.addEventListener(type, end, { once: true });
    }

    set(n) {
      this.n = clamp(n, 1, this.count || 1);
      this.at = this.count ? this.offset(this.n) : 0;
    }

    draw(direction = 1) {
      const { stage, stack } = this;
      const said = (selector, text) => { const place = this.cell.querySelector(selector); place.textContent = text; return place; };
      const { title } = stage.told.timepoints[this.timepoint] ?? { title: "" };
      said("[data-name]", stage.views.length > 1 && this.name !== title && !stage.compares ? `${this.name}: ${title}` : title);
      if (!stack || !this.count) { said("[data-place]", "No images"); return; }
      said("[data-window]", `${stage.preset.name}  C ${stage.preset.centre}  W ${stage.preset.width}`);
      said("[data-place]", `${this.n} / ${this.count}`).removeAttribute("data-failed");
      said("[data-marks]", this.marks.filter((mark) => mark.series === stack.key && mark.slice === this.n).map((mark) => mark.text).join("\n"));
      this.canvas.setAttribute("aria-label", `${title}, ${stack.label}, slice ${this.n} of ${this.count}`);
      this.cell.setAttribute("aria-label", `Images of ${title}`);
      const wanted = stage.address(stack.key, this.n);
      this.wanted = wanted;
      stage.picture(wanted).then((picture) => {
        if (this.wanted !== wanted) return;
        if (this.canvas.width !== picture.naturalWidth) this.canvas.width = picture.naturalWidth;
        if (this.canvas.height !== picture.naturalHeight) this.canvas.height = picture.naturalHeight;
        this.canvas.getContext("2d").drawImage(picture, 0, 0);
        this.canvas.dataset.drawn = this.n;
        for (let ahead = 1; ahead <= AHEAD; ahead += 1) this.fetch(this.n + direction * ahead);
        for (let behind = 1; behind <= 2; behind += 1) this.fetch(this.n - direction * behind);
      }, () => {
        if (this.wanted === wanted) said("[data-place]", `Slice ${this.n} could not be loaded. Reload the page.`).setAttribute("data-failed", "");
      });
    }

    fetch(n) {
      if (n >= 1 && n <= this.count) this.stage.picture(this.stage.address(this.stack.key, n)).catch(() => {});
    }
  }

  class Stage {
    constructor(root) {
      this.root = root;
      this.told = JSON.parse(document.getElementById(root.dataset.stack).textContent);
      [this.preset] = this.told.presets;
      this.pictures = new Map();
      this.views = all("[data-view]", root).map((cell, i) => new Viewport(this, cell, this.told.views[i]));
      this.active = this.views.at(-1);
      this.compares = Boolean(root.querySelector("[data-compare]"));
      this.linked = true;
      this.listen();
      for (const view of this.views) view.set(this.first(this.compares ? view : this.views[0]));
      this.listSeries();
      this.draw();
    }

    // Images open on the first lesion measured there, else in the middle.
    first(view) {
      return view.marks.find((mark) => mark.series === view.stack?.key)?.slice ?? (Math.ceil(view.count / 2) || 1);
    }

    address(series, n) {
      const query = new URLSearchParams({ preset: this.preset.name });
      return `${this.told.frame_url.replace("SERIES", series).replace("/0/", `/${n}/`)}?${query}`;
    }

    picture(url) {
      let held = this.pictures.get(url);
      if (!held) {
        held = new Promise((got, lost) => {
          const picture = new Image();
          picture.onload = () => got(picture);
          picture.onerror = () => { this.pictures.delete(url); lost(new Error("not loaded")); };
          picture.src = url;
        });
        if (this.pictures.size >= KEPT) this.pictures.delete(this.pictures.keys().next().value);
      } else this.pictures.delete(url);
      this.pictures.set(url, held); // the latest asked for is the last to go
      return held;
    }

    // --- moving ---------------------------------------------------------------------------------------
    step(view, by) { this.move(view, clamp(view.n + by, 1, view.count || 1)); }

    move(view, n) {
      const before = view.n;
      const from = view.at;
      view.set(n);
      if (this.linked) for (const other of this.views) {
        if (other === view || !other.shown || !other.count) continue;
        other.at += view.at - from;
        other.n = other.nearest(other.at);
      }
      this.active = view;
      this.draw(n < before ? -1 : 1);
    }

    go(key, n, view) {
      const timepoint = this.told.timepoints.findIndex((each) => each.series.some((series) => series.key === key));
      if (timepoint < 0) return;
      let target = view ?? this.views.find((each) => each.shown && each.timepoint === timepoint);
      if (!target && this.compares) { this.compare(true); [target] = this.views; }
      target ??= this.active;
      this.show(target, timepoint, this.told.timepoints[timepoint].series.findIndex((series) => series.key === key));
      target.set(n);
      if (this.linked) for (const other of this.views) if (other !== target && other.shown && other.count) other.set(other.nearest(target.at));
      this.active = target;
      target.cell.scrollIntoView({ block: "nearest" });
      this.listSeries();
      this.draw();
    }

    show(view, timepoint, series) {
      const group = view.stage.views.filter((each) => each === view || !this.compares);
      for (const each of group) Object.assign(each, { timepoint, series });
      for (const select of all("[data-timepoint]", this.root)) if (select.dataset.timepoint === "all" || this.views[select.dataset.timepoint] === view) select.value = timepoint;
    }

    here() {
      const view = this.compares ? this.views.at(-1) : this.active;
      if (!view.count) return null;
      const [instance, frame] = view.stack.slices[view.n - 1];
      return { series: view.stack.key, slice: view.n, instance, frame };
    }

    place(instance, frame) {
      for (const timepoint of this.told.timepoints) for (const series of timepoint.series) {
        const at = series.slices.findIndex((slice) => slice[0] === instance && slice[1] === Number(frame));
        if (at >= 0) return { series: series.key, slice: at + 1 };
      }
      return null;
    }

    mark(marks) {
      for (const view of this.views) view.marks = marks;
      this.draw();
    }

    // --- controls --------------------------------------------------------------------------------------
    compare(on) {
      const [earlier] = this.views;
      earlier.cell.hidden = !on;
      this.root.querySelector("[data-views]").classList.toggle("px-view-2", on);
      this.root.querySelector("[data-compare]").setAttribute("aria-pressed", on);
      for (const control of all("[data-compared]", this.root)) control.hidden = !on;
      if (on && earlier.count) earlier.set(earlier.nearest(this.views.at(-1).at));
      if (!on) this.activate(this.views.at(-1));
      const select = this.root.querySelector('[data-timepoint="0"]');
      if (select) select.value = earlier.timepoint;
    }

    activate(view) {
      if (this.active === view) return;
      this.active = view;
      this.listSeries();
      this.tell();
    }

    listSeries() {
      const select = this.root.querySelector("[data-series]");
      const stacks = this.told.timepoints[this.active.timepoint]?.series ?? [];
      select.replaceChildren(...stacks.map((series, i) => new Option(series.label, i)));
      select.value = this.active.series;
      select.disabled = stacks.length < 2;
    }

    // Another series is chosen by its label, so that every viewport shows the same one.
    chooseSeries(index) {
      const { label } = this.told.timepoints[this.active.timepoint].series[index];
      for (const view of this.views) {
        const same = this.told.timepoints[view.timepoint].series.findIndex((series) => series.label === label);
        if (same < 0 && view !== this.active) continue;
        const { at } = view;
        view.series = Math.max(same, 0);
        view.set(view.nearest(at));
      }
      this.draw();
    }

    chooseTimepoint(views, timepoint) {
      for (const view of views) {
        const { at } = view;
        Object.assign(view, { timepoint, series: Math.min(view.series, Math.max(this.told.timepoints[timepoint].series.length - 1, 0)) });
        view.set(view.count ? view.nearest(at) : 1);
      }
      this.listSeries();
      this.draw();
    }

    draw(direction = 1) {
      for (const view of this.views) if (view.shown) view.draw(direction);
      this.tell();
    }

    tell() {
      const slider = this.root.querySelector("[data-slider]");
      const { active } = this;
      Object.assign(slider, { max: active.count || 1, value: active.n });
      slider.setAttribute("aria-valuetext", `Slice ${active.n} of ${active.count}`);
      const at = active.count ? `, ${active.offset(active.n).toFixed(1)} mm` : "";
      this.root.querySelector("[data-position]").value = `Slice ${active.n} / ${active.count}${at}`;
    }

    listen() {
      const { root } = this;
      root.addEventListener("click", (event) => {
        const button = event.target.closest("[data-preset], [data-compare], [data-link]");
        if (!button) return;
        if (button.dataset.preset) {
          this.preset = this.told.presets.find((preset) => preset.name === button.dataset.preset);
          for (const each of all("[data-preset]", root)) each.setAttribute("aria-pressed", each === button);
        } else if (button.hasAttribute("data-compare")) this.compare(button.getAttribute("aria-pressed") !== "true");
        else {
          this.linked = button.getAttribute("aria-pressed") !== "true";
          button.setAttribute("aria-pressed", this.linked);
        }
        this.draw();
      });
      root.querySelector("[data-slider]").addEventListener("input", (event) => this.move(this.active, Number(event.target.value)));
      root.querySelector("[data-series]").addEventListener("change", (event) => this.chooseSeries(Number(event.target.value)));
      for (const select of all("[data-timepoint]", root)) select.addEventListener("change", () => {
        this.chooseTimepoint(select.dataset.timepoint === "all" ? this.views : [this.views[select.dataset.timepoint]], Number(select.value));
      });
      document.addEventListener("keydown", (event) => this.key(event));
    }

    // Arrows move the slices unless a control wants them; the page keys do so also while a number is typed.
    key(event) {
      if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      const control = event.target.closest("input, select, textarea, [contenteditable]");
      const paging = event.key.startsWith("Page") && control?.matches('input:not([type="range"], [type="radio"])');
      if (control && !paging) return;
      if (!control && event.target.closest("summary, a")) return;
      event.preventDefault();
      this.step(this.active, KEYS[event.key]);
    }
  }

  for (const root of document.querySelectorAll("[data-stack]")) root.stage = new Stage(root);
})();
