// Draws the states of the page. Rows are made for series, for files on their way and for those with a problem; never
// for each of twenty thousand files.

import { day, pace, plural, size } from "./words.js";

const MOST_ROWS = 200;
const NOT_TAKEN = {
  attachment: "This is no DICOM file. Documents and pictures are not taken here.",
  directory: "The list of a disc; it is not needed.",
  other: "Not a DICOM file.",
  unreadable: "Your browser could not read this file. Copy it to this computer first.",
};

export class View {
  #root;
  #icon;

  constructor(root) {
    this.#root = root;
    this.#icon = root.querySelector("template[data-icon]").content.firstElementChild;
  }

  part(name) {
    return this.#root.querySelector(`[data-part="${name}"]`);
  }

  // Shows what belongs to a state, and moves the focus along where the person's place would vanish.
  enter(state, focus) {
    const lost = this.#root.contains(document.activeElement);
    this.#root.dataset.state = state;
    for (const each of this.#root.querySelectorAll("[data-on]")) each.hidden = !each.dataset.on.split(" ").includes(state);
    if (focus && lost) this.part(focus).focus();
  }

  // For ears: at milestones only.
  say(text) {
    this.part("said").textContent = text;
  }

  line(text, tone = "") {
    const line = this.part("line");
    line.textContent = text;
    line.className = tone && `px-tone-${tone}`;
  }

  bar(name, share) {
    const bar = this.part(name);
    bar.value = share;
    bar.textContent = `${Math.round(share * 100)} %`;
  }

  chosen({ items, toSend, attachments, left, series, matched, warnings, expected, open }) {
    const images = series.reduce((sum, one) => sum + one.images, 0);
    const studies = new Set(series.map((one) => one.study)).size;
    const bytes = toSend.reduce((sum, item) => sum + item.file.size - (item.arrived ?? 0), 0);
    const sum = [plural(images, "image"), `${series.length} series`, plural(studies, "scan")];
    if (attachments.length) sum.push(plural(attachments.length, "attachment"));
    this.part("sum").textContent = `${sum.join(", ")}; ${toSend.length ? `${plural(toSend.length, "file")} to send, ${size(bytes)}` : "nothing to send"}.`;
    this.part("series").hidden = !series.length;
    this.#rows(series, matched, expected);
    this.#rules(matched, expected, series.length > 0);
    this.#checks(warnings);
    this.#list("attachments", attachments.map((item) => [item.path, size(item.file.size)]));
    this.#list("left", left.map((item) => [item.path, item.sentence ?? NOT_TAKEN[item.kind]]));
    this.part("left-count").textContent = `${plural(left.length, "file")} of ${items.length.toLocaleString("en-GB")} will stay here`;
    const send = this.part("send");
    const anyway = warnings.some((warning) => warning.tone === "warn");
    send.textContent = !toSend.length ? "Finish the delivery" : anyway ? "Send anyway" : `Send ${plural(toSend.length, "file")}`;
    send.hidden = !toSend.length && !open;
    this.part("anyway").hidden = !anyway || !toSend.length;
  }

  #rows(series, matched, expected) {
    const labels = new Map([...matched].map(([label, one]) => [one, label]));
    this.part("rows").replaceChildren(...series.slice(0, MOST_ROWS).map((one) => {
      const label = labels.get(one);
      const row = this.#clone("series");
      const name = row.querySelector("th");
      name.append([one.modality || "?", one.description].filter(Boolean).join(" "));
      if (one.number) name.append(document.createElement("br"), small(`Series ${one.number}`));
      const cell = (place, text) => { row.querySelector(`[data-cell="${place}"]`).append(text); };
      cell("images", one.images.toLocaleString("en-GB"));
      cell("slices", [one.thickness && `${one.thickness} mm`, one.orientation].filter(Boolean).join(", ") || "—");
      cell("date", one.date ? day(one.date) : "—");
      cell("place", label ?? (expected.series.some((rule) => rule.modality === one.modality) ? "Not asked for" : "Other modality"));
      if (!label) row.classList.add("px-row-warn");
      one.row = row;
      return row;
    }));
  }

  // What the charter expects, with what was found for it.
  #rules(matched, expected, any) {
    expected.series.forEach((rule, n) => {
      const item = this.#root.querySelector(`[data-rule="${n}"]`);
      const one = matched.get(rule.label);
      const [tone, icon, text] = one
        ? ["ok", "circle-check", [`${plural(one.images, "image")} found`, one.thickness && `${one.thickness} mm`].filter(Boolean).join(", ")]
        : !any || !rule.required ? ["wait", "stack-2", ""] : rule.here ? ["ok", "circle-check", "sent before"] : ["warn", "alert-triangle", "not found here"];
      item.className = `px-tone-${tone}`;
      item.querySelector("svg").replaceWith(this.icon(icon));
      item.querySelector("small").textContent = text;
    });
  }

  #checks(warnings) {
    this.part("warnings").hidden = !warnings.length;
    this.part("checks").replaceChildren(...warnings.map(({ tone, text }) => {
      const item = document.createElement("li");
      item.className = `px-tone-${tone}`;
      const words = document.createElement("span");
      words.textContent = text;
      item.append(this.icon(tone === "warn" ? "alert-triangle" : "info-circle"), words);
      return item;
    }));
  }

  #list(name, rows) {
    this.part(name).hidden = !rows.length;
    const more = rows.length - MOST_ROWS;
    this.part(name).querySelector("ul").replaceChildren(
      ...rows.slice(0, MOST_ROWS).map(([path, text]) => named(path, text)),
      ...(more > 0 ? [named("", `and ${plural(more, "more")}`)] : []),
    );
  }

  sending({ files, sent, total, arrived, left, going, series, trouble, paused }) {
    this.bar("total", total ? arrived / total : 1);
    const done = `${sent.toLocaleString("en-GB")} of ${plural(files, "file")}, ${size(arrived)} of ${size(total)}`;
    const rest = paused ?? trouble ?? "";
    this.part("progress").textContent = rest ? `${done}. ${rest}${paused === null ? " Waiting, and trying again by itself." : ""}` : `${done}${left ? `; about ${pace(left)} left` : ""}`;
    this.part("progress").className = rest ? "px-tone-warn" : "";
    const flight = this.part("flight");
    while (flight.children.length > going.length) flight.lastElementChild.remove();
    while (flight.children.length < going.length) flight.append(this.#clone("file"));
    going.forEach((item, n) => {
      const row = flight.children[n];
      const there = item.arrived + Math.max(item.flying ?? 0, 0);
      row.querySelector(".px-file-name").textContent = item.path;
      row.querySelector(".px-file-note").textContent = `${size(there)} of ${size(item.file.size)}`;
      row.querySelector("progress").value = there / item.file.size;
    });
    for (const one of series) {
      const place = one.row?.querySelector('[data-cell="sent"]');
      const text = `${[...one.items].filter((item) => item.state === "sent" || item.known === "have").length} of ${one.items.size}`;
      if (place && place.textContent !== text) place.textContent = text;
    }
    this.part("pause").hidden = paused !== null;
    this.part("proceed").hidden = paused === null;
  }

  refused(items) {
    this.#list("refused", items.map((item) => [item.path, item.sentence]));
  }

  done(title, text, tone) {
    const notice = this.#clone(`notice-${tone}`);
    notice.querySelector("strong").textContent = title;
    notice.querySelector("p").textContent = text;
    this.part("notice").replaceChildren(notice);
  }

  icon(name) {
    const icon = this.#icon.cloneNode(true);
    const use = icon.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${name}`));
    return icon;
  }

  #clone(name) {
    return this.#root.querySelector(`template[data-row="${name}"]`).content.firstElementChild.cloneNode(true);
  }
}

function named(name, text) {
  const item = document.createElement("li");
  if (name) item.append(bold(name), " ");
  item.append(text);
  return item;
}

function bold(text) {
  return Object.assign(document.createElement("strong"), { textContent: text });
}

function small(text) {
  return Object.assign(document.createElement("small"), { textContent: text });
}
