// Behaviour shared by all pages. Everything hangs on data attributes, so that pages need no script of their own.
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const on = (type, handler, target = document, options) => target.addEventListener(type, handler, options);
  const csrf = () => $('meta[name="csrf-token"]')?.content ?? "";

  // --- notices --------------------------------------------------------------------------------------
  const TONES = { success: "ok", info: "info", warning: "warn", error: "bad" };

  function settle(toast) {
    if (!toast.matches(".px-tone-ok, .px-tone-info")) return;
    let timer;
    const start = () => { timer = setTimeout(() => toast.remove(), 7000); };
    const hold = () => clearTimeout(timer);
    for (const type of ["mouseenter", "focusin"]) on(type, hold, toast);
    for (const type of ["mouseleave", "focusout"]) on(type, start, toast);
    start();
  }

  function toast(text, tone = "info") {
    const item = document.createElement("div");
    item.className = `px-toast px-tone-${TONES[tone] ?? "info"}`;
    item.setAttribute("role", tone === "error" || tone === "warning" ? "alert" : "status");
    item.dataset.toast = "";
    const words = document.createElement("p");
    words.textContent = text;
    const close = document.createElement("button");
    Object.assign(close, { type: "button", className: "px-x", textContent: "×" });
    close.setAttribute("aria-label", "Dismiss this notice");
    close.dataset.toastClose = "";
    item.append(words, close);
    $("#px-toasts").append(item);
    settle(item);
  }

  // --- dialogs --------------------------------------------------------------------------------------
  function show(dialog) {
    if (dialog.id === "px-keys") listKeys(dialog);
    if (!dialog.open) dialog.showModal();
  }

  function confirmed(text, label, tone) {
    const dialog = $("#px-confirm");
    const go = $("[data-confirm-go]", dialog);
    $("[data-confirm-text]", dialog).textContent = text;
    go.textContent = label || "Continue";
    go.className = `btn ${tone === "bad" ? "btn-danger" : "btn-primary"}`;
    return new Promise((resolve) => {
      go.onclick = () => dialog.close("go");
      on("close", () => resolve(dialog.returnValue === "go"), dialog, { once: true });
      dialog.returnValue = "";
      dialog.showModal();
    });
  }

  on("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.confirm || form.dataset.asked) {
      delete form.dataset.asked;
      changed.delete(form);
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    const { submitter } = event;
    if (await confirmed(form.dataset.confirm, form.dataset.confirmLabel, form.dataset.confirmTone)) {
      form.dataset.asked = "1";
      form.requestSubmit(submitter);
    }
  }, document, true);

  // A form goes once: pressed again before the answer is there, it is not sent again. Without a connection it does not
  // go at all, as the browser would put its own page in place of what was typed. A browser that has no network may
  // still reach a server on the same machine, so it is asked.
  const PATIENCE_MS = 20_000;
  const underWay = new Map();
  const reached = () => fetch("/healthz", { cache: "no-store" }).then(() => true, () => false);
  on("submit", async (event) => {
    const form = event.target;
    const { submitter } = event;
    if (event.defaultPrevented || form.method !== "post" || form.dataset.reached) {
      delete form.dataset.reached;
      return;
    }
    if (underWay.has(form)) {
      event.preventDefault();
      return;
    }
    underWay.set(form, setTimeout(() => underWay.delete(form), PATIENCE_MS));
    if (navigator.onLine) return;
    event.preventDefault();
    if (await reached()) {
      form.dataset.reached = form.dataset.asked = "1";
      form.requestSubmit(submitter);
    } else {
      underWay.delete(form);
      toast("There is no connection, so nothing was sent. What you typed is still here: send it once you are connected again.", "error");
    }
  });
  on("pageshow", () => underWay.clear(), window);

  on("htmx:confirm", async (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    const { confirmLabel, confirmTone } = event.detail.elt.dataset;
    if (await confirmed(event.detail.question, confirmLabel, confirmTone)) event.detail.issueRequest(true);
  });

  // --- clicks ---------------------------------------------------------------------------------------
  const CLICKS = {
    "[data-dialog]": (el) => show($(el.dataset.dialog)),
    "[data-dialog-close]": (el) => el.closest("dialog").close(),
    "[data-toast-close]": (el) => el.closest("[data-toast]").remove(),
    "[data-back]": () => history.back(),
    "[data-theme-toggle]": toggleTheme,
    "[data-copy]": (el) => navigator.clipboard.writeText(el.dataset.copy).then(() => toast("Copied.", "success")),
  };

  on("click", (event) => {
    for (const [selector, act] of Object.entries(CLICKS)) {
      const el = event.target.closest(selector);
      if (el) act(el);
    }
    for (const menu of $$("details.px-menu[open]")) if (!menu.contains(event.target) || event.target.closest(".px-menu-body button")) menu.open = false;
    if (event.target.matches("dialog.px-dialog")) {
      const box = event.target.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
      if (!inside) event.target.close();
    }
  });

  function toggleTheme() {
    const root = document.documentElement;
    if (root.hasAttribute("data-theme-fixed")) return;
    const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
    root.setAttribute("data-bs-theme", next);
    try { localStorage.setItem("parallax-theme", next); } catch { /* storage may be refused */ }
  }

  // --- keys -----------------------------------------------------------------------------------------
  const WAIT_MS = 900;
  let typed = "";
  let typedAt = 0;

  const writing = (el) => el.closest("textarea, select, [contenteditable]") || (el.matches("input") && !el.matches('[type="checkbox"], [type="radio"], [type="range"], [type="submit"], [type="button"]'));
  const visible = (el) => el.offsetParent !== null || el.getClientRects().length > 0;

  function listKeys(dialog) {
    const rows = $$("[data-key]").filter(visible).map((el) => [el.dataset.key, el.dataset.keyLabel || el.getAttribute("aria-label") || el.textContent.trim().replace(/\s+/g, " ")]);
    for (const also of $$("[data-keys-also] dt")) rows.push([also.textContent, also.nextElementSibling.textContent]);
    if ($("input[data-filter]")) rows.push(["/", "Filter the rows"]);
    if ($("table[id] tbody a")) rows.push(["j", "Next row"], ["k", "Previous row"]);
    rows.push(["?", "This help"], ["Esc", "Close what is open"]);
    $(".px-keys", dialog).replaceChildren(...rows.flatMap(([keys, label]) => {
      const term = document.createElement("dt");
      term.append(...keys.split(" ").flatMap((key, i) => {
        const cap = document.createElement("kbd");
        cap.textContent = key;
        return i ? [" then ", cap] : [cap];
      }));
      const words = document.createElement("dd");
      words.textContent = label;
      return [term, words];
    }));
  }

  function stepRow(by) {
    const links = $$("table[id] tbody tr").filter(visible).map((row) => $("a, button", row)).filter(Boolean);
    if (!links.length) return false;
    const row = document.activeElement.closest("tr");
    const here = links.findIndex((link) => link.closest("tr") === row);
    links[here < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(here + by, 0), links.length - 1)].focus();
    return true;
  }

  on("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of $$("details.px-menu[open]")) { menu.open = false; $("summary", menu).focus(); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || writing(event.target) || $("dialog[open]")) return;
    typed = event.timeStamp - typedAt < WAIT_MS ? `${typed} ${event.key}` : event.key;
    typedAt = event.timeStamp;
    const bound = $$("[data-key]").filter(visible);
    const target = bound.find((el) => el.dataset.key === typed) ?? bound.find((el) => el.dataset.key === event.key);
    let done = true;
    if (target && !target.disabled) { target.focus(); target.click(); }
    else if (event.key === "?") show($("#px-keys"));
    else if (event.key === "/" && $("input[data-filter]")) $("input[data-filter]").focus();
    else if (event.key === "j" || event.key === "k") done = stepRow(event.key === "j" ? 1 : -1);
    else done = false;
    if (done) event.preventDefault();
  });

  // Enter in a signature signs, whichever button of its form comes first.
  on("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches(".px-sign input")) return;
    event.preventDefault();
    $('button[type="submit"]', event.target.closest(".px-sign")).click();
  });

  // --- tables: words of the filter, all of which a row must hold ------------------------------------------
  function filter(input) {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = $$(`${input.dataset.filter} > tbody > tr`);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    const count = $(`[data-filter-count="${input.dataset.filter}"]`);
    if (count) count.value = words.length ? `${shown} of ${rows.length}` : `${rows.length} in all`;
  }

  on("input", (event) => { if (event.target.matches("[data-filter]")) filter(event.target); });

  // --- files: folders that are dropped are opened; drops and choices are told alike ----------------------------
  async function inside(entry, path = "") {
    if (entry.isFile) return [{ file: await new Promise((found, lost) => entry.file(found, lost)), path: path + entry.name }];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const batch = await new Promise((got, lost) => reader.readEntries(got, lost)); // at most 100 at a time
      if (!batch.length) return found;
      for (const each of batch) found.push(...await inside(each, `${path}${entry.name}/`));
    }
  }

  const tellFiles = (zone, files) => { if (files.length) zone.dispatchEvent(new CustomEvent("px:files", { bubbles: true, detail: files })); };

  // Whoever is quicker than the page's own scripts is heard when they are there.
  const loaded = new Promise((ready) => document.readyState === "complete" ? ready() : on("load", ready, window));

  for (const type of ["dragover", "dragleave", "drop"]) on(type, async (event) => {
    const zone = event.target.closest?.("[data-drop]");
    if (!zone) return;
    event.preventDefault();
    zone.classList.toggle("px-over", type === "dragover");
    if (type !== "drop") return;
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    try {
      await loaded;
      tellFiles(zone, (await Promise.all(entries.map((entry) => inside(entry)))).flat());
    } catch {
      toast("Your browser could not open what you dropped. Choose the folder with the button instead.", "error");
    }
  });

  on("change", async (event) => {
    if (!event.target.matches("[data-drop-input]")) return;
    const files = [...event.target.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
    event.target.value = "";
    await loaded;
    tellFiles(event.target.closest("[data-drop]"), files);
  });

  // --- forms with unsent changes ---------------------------------------------------------------------------
  const changed = new Set();
  on("input", (event) => { const form = event.target.closest("form[data-unsaved]"); if (form) changed.add(form); });
  on("beforeunload", (event) => { if ([...changed].some((form) => form.isConnected)) event.preventDefault(); }, window);

  function saved(text) {
    changed.clear();
    const place = $("[data-saved]");
    if (place) place.textContent = text;
  }

  // --- htmx ----------------------------------------------------------------------------------------------------
  const sentence = (xhr) => {
    const text = new DOMParser().parseFromString(xhr.responseText, "text/html");
    return $("[data-sentence]", text)?.textContent.trim();
  };

  on("htmx:configRequest", (event) => { event.detail.headers["X-CSRFToken"] = csrf(); });
  on("htmx:beforeSwap", (event) => { if (event.detail.xhr.status >= 400 && sentence(event.detail.xhr)) { event.detail.shouldSwap = false; event.detail.isError = true; } });
  on("htmx:responseError", (event) => toast(sentence(event.detail.xhr) || "The server could not do this. Nothing was changed; reload the page and try again.", "error"));
  on("htmx:sendError", () => toast("The server did not answer. Check your connection, then try again; nothing was changed.", "error"));
  on("toast", (event) => toast(event.detail.text, event.detail.tone));

  function ready(within) {
    $$("[data-toast]", within).forEach(settle);
    $$("[data-filter]").forEach(filter);
    $("[data-focus]", within)?.focus();
  }
  on("htmx:load", (event) => { if (event.detail.elt !== document.body) ready(event.detail.elt); });
  ready(document);

  window.parallax = { toast, confirmed, csrf, saved };
})();
