// The read page's form: lesion rows, the slice on which each was seen, and drafts saved while the reader goes on.
(() => {
  const form = document.querySelector("#read");
  const stage = document.querySelector("[data-stack]").stage;
  const $ = (selector, within = form) => within.querySelector(selector);
  const $$ = (selector, within = form) => [...within.querySelectorAll(selector)];
  const field = (row, name) => $(`[name="${row.id}-${name}"]`, row);

  // --- images: from a row to its slice ----------------------------------------------------------------------
  function tellStamp(row) {
    if (!field(row, "instance") || !$("[data-stamped]", row)) return;
    const at = stage.place(field(row, "instance").value, field(row, "frame").value || 1);
    const button = $("[data-stamped]", row);
    button.hidden = !at;
    if (at) {
      button.textContent = `Slice ${at.slice}`;
      Object.assign(button.dataset, { go: at.series, slice: at.slice });
    }
  }

  const goTo = ({ dataset }) => stage.go(dataset.go, Number(dataset.slice));

  form.addEventListener("click", (event) => {
    const go = event.target.closest("[data-go]");
    if (go) goTo(go);
  });
  $$("[data-lesion]").forEach(tellStamp);

  if (!("read" in form.dataset)) return; // signed, or on hold: to look at only

  // Nothing that was entered more than two seconds ago is lost with the page: a draft goes when the reader rests, and
  // at the latest a while after the first change.
  const QUIET_MS = 600;
  const LATEST_MS = 1200;
  const AGAIN_MS = 10000;
  const version = $('[name="version"]');
  const rows = $('[name="rows"]');
  const status = document.querySelector("[data-saved]");
  let changes = 0;
  let stored = 0;
  let since = null;
  let leaving = false;
  let timer;
  let saving = null;
  let stale = false;

  // What the other scripts of the page need of this one, and (from drawn.js) what this one needs of them.
  const draft = {
    field,
    fit: (row) => fit(row),
    add: (kind) => add(kind),
    clear: (input) => clear(input),
    changed: () => changed(),
    /** Save at once; resolves when there is an answer. */
    save: () => save(),
    seenOn(row, { instance, frame }) {
      field(row, "instance").value = instance;
      field(row, "frame").value = frame;
      tellStamp(row);
    },
    /** Whether a row that is not stored yet holds something that must not be lost. */
    isBegun: (row) => "begun" in row.dataset || !field(row, "organ") || ["number", "organ", "mark", "description"].some((name) => field(row, name).value),
    /** Show in a row's fields what was drawn of it. */
    fill() {},
    /** A row got its number. */
    named() {},
    /** A row was taken away. */
    dropped() {},
  };

  // --- rows ----------------------------------------------------------------------------------------------------
  // What a field depends on stands in its place: "state=MEASURED; lesion_class=TARGET". Where that does not hold it
  // takes nothing, and folds away if it says so.
  function depend(within, named) {
    for (const place of $$("[data-when]", within)) {
      const holds = place.dataset.when.split("; ").every((each) => {
        const [name, values] = each.split("=");
        const said = named(name);
        return !said || values.split(",").includes(said.value);
      });
      for (const input of $$("input, select", place)) {
        input.disabled = !holds;
        if (!holds) input.value = "";
      }
      if ("fold" in place.dataset) place.hidden = !holds;
    }
  }

  function fit(row) {
    depend(row, (name) => field(row, name));
    const why = $("[data-why]", row);
    if (why) why.hidden = field(row, "state").value !== "NOT_EVALUABLE";
    const organ = field(row, "organ");
    const diameter = field(row, "diameter_mm");
    const label = diameter && $(`label[for="${diameter.id}"]`, row);
    if (organ && label && diameter.dataset.node) {
      const nodal = organ.value === "LYMPH NODE";
      label.firstChild.textContent = nodal ? diameter.dataset.node : diameter.dataset.other;
      diameter.placeholder = nodal ? "short axis" : diameter.dataset.brief;
    }
    draft.fill(row);
  }

  const fitAll = () => {
    $$("[data-lesion]").forEach(fit);
    $$(".rd-questions").forEach((place) => depend(place, (name) => $(`[name="answer_${name}"]`)));
  };

  function hint(kind) {
    const list = $(`[data-rows="${kind}"]`);
    $("[data-hint]", list.parentElement).hidden = $$("[data-lesion]", list).some((row) => !row.hidden);
  }

  function append(list, html, prefix) {
    const holder = document.createElement("template");
    holder.innerHTML = html.replaceAll(prefix, `lesion-${rows.value}`);
    rows.value = Number(rows.value) + 1;
    const row = holder.content.firstElementChild;
    list.append(row);
    fit(row);
    changed();
    return row;
  }

  function add(kind) {
    const list = $(`[data-rows="${kind}"]`);
    const row = append(list, $(`template[data-blank="${kind}"]`).innerHTML.trim(), "lesion-__row__");
    hint(kind);
    row.scrollIntoView({ block: "nearest" });
    field(row, "organ").focus();
    return row;
  }

  function split(row) {
    const number = field(row, "number").value;
    const parts = $$("[data-lesion]").filter((each) => field(each, "number").value === number && !each.hidden);
    const copy = document.createElement("template");
    copy.innerHTML = row.outerHTML;
    const part = copy.content.firstElementChild;
    for (const name of ["instance", "diameter_mm", "mark"]) {
      const input = $(`[name="${row.id}-${name}"]`, part);
      input.setAttribute("value", "");
      input.removeAttribute("readonly");
    }
    for (const option of $$("option", part)) option.toggleAttribute("selected", option.value === "MEASURED");
    const next = Math.max(...parts.map((each) => Number(field(each, "part").value || 0))) + 1;
    $(`[name="${row.id}-part"]`, part).setAttribute("value", next);
    const name = $(".rd-name", part);
    $("[data-part]", name)?.remove();
    name.append(Object.assign(document.createElement("span"), { className: "px-muted", textContent: ` part ${next + 1}` }));
    const remove = Object.assign(document.createElement("button"), { type: "button", className: "px-x", textContent: "×" });
    remove.dataset.remove = "";
    remove.setAttribute("aria-label", "Remove this part");
    $("[data-split]", part).replaceWith(remove);
    for (const place of $$("[data-stamped], [data-unmark], [data-regioned], [data-untie]", part)) place.hidden = true;
    $("[data-hints]", part).replaceChildren();
    part.removeAttribute("aria-current");
    const made = append(row.parentElement, part.outerHTML, row.id);
    parts.at(-1).after(made);
    field(made, "diameter_mm").focus();
  }

  async function remove(row) {
    const label = $("[data-label]", row).textContent;
    if (field(row, "number").value && !await parallax.confirmed(`Remove ${label} from this read?`, "Remove", "bad")) return;
    field(row, "removed").value = "1";
    row.hidden = true;
    hint(row.parentElement.dataset.rows);
    draft.dropped(row);
    changed();
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add], [data-remove], [data-split], [data-stamp]");
    if (!button) return;
    const row = button.closest("[data-lesion]");
    if (button.dataset.add) add(button.dataset.add);
    else if ("remove" in button.dataset) remove(row);
    else if ("split" in button.dataset) split(row);
    else {
      const here = stage.here();
      if (!here) return;
      draft.seenOn(row, here);
      changed();
    }
  });

  form.addEventListener("input", (event) => {
    const row = event.target.closest("[data-lesion]");
    if (row) fit(row);
    else fitAll();
    clear(event.target);
    if (event.target.name !== "password") changed();
  });

  document.addEventListener("px:saving", ({ detail: { waiting, lost } }) => {
    if (lost) say(`${waiting} ${waiting === 1 ? "mark" : "marks"} not saved: no connection. Trying again…`);
  });

  // --- errors, beside their fields --------------------------------------------------------------------------------
  function clear(input) {
    const place = input.closest(".px-field");
    place?.classList.remove("px-invalid");
    place?.querySelector(".px-error")?.remove();
    input.removeAttribute("aria-invalid");
  }

  function complain(errors) {
    for (const [id, said] of Object.entries(errors)) {
      const input = document.getElementById(id);
      const place = input?.closest(".px-field");
      if (!place) { parallax.toast(said.join(" "), "error"); continue; }
      clear(input);
      place.classList.add("px-invalid");
      input.setAttribute("aria-invalid", "true");
      const words = Object.assign(document.createElement("p"), { className: "px-error", id: `${id}_error`, textContent: said.join(" ") });
      input.setAttribute("aria-describedby", words.id);
      place.append(words);
    }
  }

  // --- drafts -----------------------------------------------------------------------------------------------------
  const say = (text) => { status.textContent = text; };

  function changed() {
    changes += 1;
    if (stale) return;
    say("Not saved yet");
    since ??= Date.now();
    clearTimeout(timer);
    timer = setTimeout(save, Math.max(0, Math.min(QUIET_MS, since + LATEST_MS - Date.now())));
  }

  function save(extra = {}) {
    clearTimeout(timer);
    // One after the other: a draft sent beside another one would find it stale.
    const last = (saving ?? Promise.resolve()).then(() => send(extra)).finally(() => { if (saving === last) saving = null; });
    saving = last;
    return last;
  }

  function post(extra = {}, keepalive = false) {
    const body = new FormData(form);
    body.delete("password");
    // The server takes these from the mark, which may just have been moved.
    for (const input of $$("input[readonly]")) body.delete(input.name);
    // A row that was added a moment ago is no lesion yet: it waits for its organ, or for what is measured of it.
    for (const row of $$("[data-lesion]")) if (!draft.isBegun(row)) body.set(`${row.id}-removed`, "1");
    for (const [name, value] of Object.entries(extra)) body.set(name, value);
    return fetch(form.dataset.saveUrl, { method: "POST", body, keepalive, headers: { Accept: "application/json", "X-CSRFToken": parallax.csrf() } });
  }

  async function send(extra) {
    const sent = changes;
    since = null;
    say("Saving…");
    let answer;
    try {
      answer = await post(extra);
    } catch {
      say("Not saved: no connection. Trying again…");
      timer = setTimeout(save, AGAIN_MS);
      return;
    }
    const told = await answer.json().catch(() => ({}));
    if (answer.ok) { stored = sent; taken(told, sent); }
    else if (told.code === "stale_draft") conflict();
    else if (told.errors) { complain(told.errors); say("Not saved: mend what is marked"); }
    else {
      say("Not saved");
      parallax.toast(told.detail ?? "The draft was not saved. Reload the page, and sign in again if you are asked to.", "error");
    }
  }

  function taken(told, sent) {
    stale = false;
    $("[data-stale]").hidden = true;
    version.value = told.version;
    for (const [prefix, { number, label }] of Object.entries(told.lesions)) {
      const row = document.getElementById(prefix);
      field(row, "number").value = number;
      $("[data-label]", row).textContent = label;
      row.setAttribute("aria-label", `Lesion ${label}`);
      draft.named(row, label);
    }
    const open = $("[data-result] details")?.open;
    $("[data-result]").innerHTML = told.result;
    const details = $("[data-result] details");
    if (details) details.open = open;
    // Only what is new is said aloud.
    const room = $("[data-room]");
    if (room && room.innerHTML.trim() !== told.room.trim()) room.innerHTML = told.room;
    for (const row of $$("[data-lesion]")) {
      const said = told.hints[field(row, "number").value] ?? [];
      $("[data-hints]", row).replaceChildren(...said.map((hint) => Object.assign(document.createElement("li"), { textContent: hint[0].toUpperCase() + hint.slice(1) })));
    }
    stage.mark(told.marks);
    form.dispatchEvent(new CustomEvent("px:draft"));
    const now = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    if (changes === sent) parallax.saved(`Saved ${now}`);
    else changed();
  }

  function conflict() {
    stale = true;
    say("Not saved: choose a draft");
    const notice = $("[data-stale]");
    notice.hidden = false;
    notice.scrollIntoView({ block: "nearest" });
    notice.focus();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-save]")) { event.preventDefault(); save(); }
    if (event.target.closest("[data-overwrite]")) { event.preventDefault(); save({ overwrite: 1 }); }
    if (event.target.closest("[data-discard]")) parallax.saved("");
  });

  // A signature takes the page's entries as they are; a draft on its way is waited for, so that its version is known.
  form.addEventListener("submit", async (event) => {
    clearTimeout(timer);
    leaving = true;
    if (!saving) {
      for (const input of $$("input[readonly]")) input.disabled = true;
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    await saving;
    clearTimeout(timer);
    form.requestSubmit(event.submitter);
  });

  // What the reader entered last goes with the page; a draft that was sent meanwhile makes this one stale, and it is
  // then refused.
  addEventListener("pagehide", () => {
    if (changes !== stored && !stale && !leaving) post({}, true).catch(() => {});
  });

  form.draft = draft;
  fitAll();
  if ("changed" in form.dataset && !stale && $("[data-stale]").hidden) changed();
})();
