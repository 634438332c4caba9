// What was drawn and painted in a read: each lesion's own, and in a list of its own what belongs to none yet.
(() => {
  const form = document.querySelector("#read[data-read]");
  if (!form) return; // signed, or on hold: to look at only
  const stage = document.querySelector("[data-stack]").stage;
  const { draft } = form;
  const { field } = draft;
  const $$ = (selector, within = form) => [...within.querySelectorAll(selector)];
  const rows = () => $$("[data-lesion]").filter((row) => !row.hidden);
  const labelOf = (row) => row.querySelector("[data-label]").textContent;
  const numberOf = (row) => Number(field(row, "number").value) || null;
  const rowOf = (key) => rows().find((row) => key && field(row, "mark").value === key);
  const rowOfLesion = (number) => rows().find((row) => number && numberOf(row) === number);
  /** What was drawn in this read, by key, as it is stored. */
  const drawn = new Map();
  const { regions } = stage;

  const made = (tag, text, more = {}) => {
    const element = Object.assign(document.createElement(tag), { textContent: text });
    for (const [name, value] of Object.entries(more)) element.setAttribute(name, value);
    if (tag === "button") element.type = "button";
    return element;
  };

  // --- a lesion's measurement as it was drawn --------------------------------------------------------------------
  /** Show what a row's mark and region measure in its fields; the server takes them from there, and refuses any other. */
  draft.fill = (row) => {
    const mark = drawn.get(field(row, "mark").value);
    const { long_mm: long, short_mm: short, length_mm: line } = ["length", "bidirectional"].includes(mark?.tool) ? mark.measured : {};
    const organ = field(row, "organ");
    const nodal = organ ? organ.value === "LYMPH NODE" : "nodal" in row.dataset;
    const chief = field(row, "diameter_mm");
    show(chief, (nodal && chief?.dataset.node ? short : long) ?? line, 1);
    show(field(row, "across_mm"), short, 1);
    const region = regions?.of(numberOf(row));
    show(field(row, "volume_ml"), region?.volume_ml || undefined, 3);
    row.querySelector("[data-unmark]").hidden = !mark;
    row.querySelector("[data-untie]").hidden = !region;
    const lead = row.querySelector("[data-regioned]");
    lead.hidden = !region;
    if (region) {
      lead.textContent = said(region);
      Object.assign(lead.dataset, { go: region.series, slice: region.slice });
    }
  };

  function show(input, value, places) {
    if (!input) return;
    const held = value !== undefined && !input.disabled;
    if (input.readOnly && !held) input.value = "";
    input.readOnly = held;
    if (held) input.value = value.toFixed(places);
  }

  draft.named = (row, label) => {
    const mark = drawn.get(field(row, "mark").value);
    if (mark) stage.marking.take([mark], () => label);
  };

  function measured(row) {
    const state = field(row, "state");
    if (state && [...state.options].some((option) => option.value === "MEASURED")) state.value = "MEASURED";
    for (const input of $$(".rd-mm input", row)) draft.clear(input);
  }

  function attach(row, mark) {
    field(row, "mark").value = mark.key;
    draft.seenOn(row, mark);
    if (mark.tool !== "point") measured(row);
    // The lesion may have got its number while it was drawn.
    const label = labelOf(row);
    stage.marking.take([mark], () => label);
    draft.fit(row);
    draft.changed();
    renew();
  }

  function detach(row) {
    field(row, "mark").value = "";
    draft.fit(row);
    draft.changed();
  }

  /** A lesion that goes takes what was drawn of it along; its region stays, and is no lesion. */
  draft.dropped = (row) => {
    const { value } = field(row, "mark");
    if (value) stage.marking.remove(value).catch(() => {});
  };

  async function measure(row) {
    const { tools } = stage.manifest;
    const wanted = row.querySelector("[data-measure]").dataset.measure;
    const tool = [wanted, "length", "point"].find((each) => tools.includes(each));
    const lesion = { number: numberOf(row), part: Number(field(row, "part").value) };
    const before = field(row, "mark").value;
    const asked = stage.measure(tool, { lesion, label: labelOf(row) });
    row.toggleAttribute("data-measuring", true);
    try {
      const mark = await asked;
      drawn.set(mark.key, mark);
      attach(row, mark);
      if (before) await stage.marking.remove(before);
    } catch {
      // Put away, or not stored: the stage has said why.
    } finally {
      row.removeAttribute("data-measuring");
    }
  }

  // --- a lesion's region ------------------------------------------------------------------------------------------
  /** Say that the region in hand is a row's lesion; one that has no number yet is stored first. */
  draft.useRegion = async (row, key = regions?.current?.key) => {
    if (!key) {
      stage.tell("px:problem", { sentence: "Nothing is painted in the series shown. Paint the lesion with the brush first." });
      return;
    }
    if (!numberOf(row)) {
      row.dataset.begun = "";
      draft.changed();
      await draft.save();
    }
    if (numberOf(row)) await regions.tie(key, numberOf(row));
  };

  function regionChanged({ lesion }) {
    for (const row of rows()) {
      const volume = field(row, "volume_ml");
      const was = volume?.value;
      if (numberOf(row) === lesion && volume) measured(row);
      draft.fit(row);
      if (volume && volume.value !== was) draft.changed();
    }
  }

  // --- what belongs to no lesion yet, and every region ------------------------------------------------------------
  const place = form.querySelector("[data-drawn]");
  const list = place.querySelector("ul");
  const NAMES = { length: "Length", bidirectional: "Two diameters", ellipse: "Ellipse", freehand: "Outline", angle: "Angle", point: "Point" };

  const said = ({ volume_ml: volume, voxels }) => (volume === null ? `${voxels} voxels` : `${volume.toFixed(2)} ml`);

  function size({ long_mm: long, short_mm: short, length_mm: line, angle_deg: angle, area_mm2: area }) {
    if (long !== undefined && area === undefined) return `${long.toFixed(1)} × ${short.toFixed(1)} mm`;
    if (line !== undefined) return `${line.toFixed(1)} mm`;
    return area !== undefined ? `${area.toFixed(0)} mm²` : angle !== undefined ? `${angle.toFixed(0)}°` : "";
  }

  function loose() {
    return [...drawn.values()].filter((mark) => !mark.removed && !rowOf(mark.key)).map((mark) => ({ mark, at: stage.place(mark.instance, mark.frame) }));
  }

  function lead(text, at) {
    const button = made("button", text, { class: "rd-go" });
    if (at) Object.assign(button.dataset, { go: at.series, slice: at.slice });
    return button;
  }

  function itemOfMark({ mark, at }, chosen) {
    const name = [NAMES[mark.tool], size(mark.measured ?? {})].filter(Boolean).join(" ");
    const item = made("li", "", { "data-mark": mark.key });
    item.append(lead(at ? `${name}, slice ${at.slice}` : name, at));
    if (chosen) item.append(made("button", `Use for ${labelOf(chosen)}`, { class: "btn btn-sm", "data-use": "" }));
    const adds = form.querySelector("[data-add]");
    if (adds) item.append(made("button", adds.textContent.trim(), { class: "btn btn-sm", "data-make": adds.dataset.add, "aria-label": `${adds.textContent.trim()} from ${name}` }));
    item.append(made("button", "×", { class: "px-x", "data-away": "", "aria-label": `Remove ${name}` }));
    return item;
  }

  function itemOfRegion(region) {
    const item = made("li", "", { "data-region": region.key });
    const [name] = region.name.split(",");
    item.append(lead(`${name}, ${said(region)}, slice ${region.slice}`, region));
    const choice = made("select", "", { "aria-label": `${name} is`, "data-tie": "" });
    choice.append(new Option("no lesion", ""));
    for (const row of rows().filter(numberOf)) choice.append(new Option(labelOf(row), numberOf(row)));
    choice.value = region.lesion ?? "";
    item.append(choice);
    return item;
  }

  let shown = "";
  function renew() {
    const marks = loose();
    const all = regions?.all ?? [];
    const chosen = rows().find((row) => row.hasAttribute("aria-current"));
    const known = rows().map((row) => [numberOf(row), labelOf(row)]);
    for (const [number, label] of known) if (number) regions?.labels.set(number, label);
    const now = JSON.stringify([marks, all, known, chosen?.id, chosen && labelOf(chosen)]);
    if (now === shown || list.contains(document.activeElement?.closest("select"))) return;
    shown = now;
    place.hidden = !marks.length && !all.length;
    list.replaceChildren(...marks.map((each) => itemOfMark(each, chosen)), ...all.map(itemOfRegion));
    const current = regions?.current;
    for (const button of $$("[data-use-region], [data-walk-region]")) button.hidden = !current;
  }

  // --- what is heard --------------------------------------------------------------------------------------------
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-measure], [data-unmark], [data-use-region], [data-untie], [data-use], [data-make], [data-away]");
    if (!button) return;
    const row = button.closest("[data-lesion]");
    const mark = drawn.get(button.closest("[data-mark]")?.dataset.mark);
    if (button.dataset.measure) measure(row);
    else if ("unmark" in button.dataset) stage.marking.remove(field(row, "mark").value).catch(() => {});
    else if ("useRegion" in button.dataset) draft.useRegion(row);
    else if ("untie" in button.dataset) regions.tie(regions.of(numberOf(row)).key, null);
    else if ("away" in button.dataset) stage.marking.remove(mark.key).catch(() => {});
    else attach("make" in button.dataset ? draft.add(button.dataset.make) : rows().find((each) => each.hasAttribute("aria-current")), mark);
    renew();
  });

  form.addEventListener("change", async (event) => {
    if (!event.target.matches("[data-tie]")) return;
    const { region } = event.target.closest("li").dataset;
    await regions.tie(region, Number(event.target.value) || null);
    shown = "";
    event.target.blur();
    renew();
  });

  document.addEventListener("px:mark", ({ detail: { mark } }) => {
    const row = rowOf(mark.key);
    if (mark.removed) drawn.delete(mark.key);
    else drawn.set(mark.key, mark);
    if (row && mark.removed) detach(row);
    else if (row) attach(row, mark);
    // One that is measured of a lesion is in its row in a moment.
    setTimeout(renew, 0);
  });

  document.addEventListener("px:marks", ({ detail: { marks } }) => {
    for (const mark of marks) drawn.set(mark.key, mark);
    rows().forEach(draft.fit);
    renew();
  });

  document.addEventListener("px:region", ({ detail: { segment } }) => {
    regionChanged(segment);
    renew();
  });

  form.addEventListener("focusin", () => setTimeout(renew, 0));
  form.addEventListener("px:draft", renew);
  stage.watch?.(renew);
  for (const mark of stage.own?.() ?? []) drawn.set(mark.key, mark);
  rows().forEach(draft.fit);
  regions?.loaded.then(() => {
    rows().forEach(draft.fit);
    renew();
  });
  renew();
})();
