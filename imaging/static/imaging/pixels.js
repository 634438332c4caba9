// Boxes over the frames of an image: drawn, moved and taken away with mouse, finger or keys alone.

import { watch } from "./claim.js";

const root = document.querySelector("[data-look]");
const part = (name) => root.querySelector(`[data-${name}]`);
const shown = JSON.parse(document.getElementById("look").textContent);
const [view, svg, image, layer, list, kept, slider, place, form, said] =
  ["view", "picture", "image", "boxes", "list", "kept", "slider", "place", "form", "said"].map(part);
const act = (name) => root.querySelector(`[data-do="${name}"]`);
const STEP = Math.max(1, Math.round(Math.max(shown.rows, shown.columns) / 160));
const SMALLEST = 4;
const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];

let frame = 0;
let zoom = 0;
let whole = false;
let chosen = shown.regions.length ? 0 : -1;
let boxes = shown.regions.map(([left, top, right, bottom, first, last], proposal) => ({ left, top, right, bottom, first, last, proposal }));
let away = []; // pairs of a proposed box and the reason
const past = [];
const near = new Map();

const clone = (value) => JSON.parse(JSON.stringify(value));
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const made = (name, attributes = {}) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
};

// --- frames ---------------------------------------------------------------------------------------
const address = (n) => shown.address.replace(/frames\/\d+\//, `frames/${n + 1}/`) + (whole ? "?range=whole" : "");

function fetched(n) {
  const url = address(n);
  if (!near.has(url)) { const ahead = new Image(); ahead.src = url; near.set(url, ahead); }
  if (near.size > 12) near.delete(near.keys().next().value);
  return url;
}

function turn(n) {
  frame = clamp(n, 0, shown.frames - 1);
  image.setAttribute("href", fetched(frame));
  for (const other of [frame + 1, frame - 1]) if (other >= 0 && other < shown.frames) fetched(other);
  if (slider) { slider.value = frame + 1; place.textContent = `Frame ${frame + 1} / ${shown.frames}`; }
  draw();
}

// --- what is on the page ------------------------------------------------------------------------------
const frames = (box) => {
  if (shown.frames === 1) return "";
  if (box.first === 0 && box.last === shown.frames - 1) return "all frames";
  return box.first === box.last ? `frame ${box.first + 1}` : `frames ${box.first + 1}–${box.last + 1}`;
};

const origin = ({ proposal }) => proposal === null ? "yours" : shown.templates[proposal] ? `device template ${shown.templates[proposal]}` : "proposed";

function draw() {
  const scale = (svg.getBoundingClientRect().width / shown.columns) || 1;
  layer.replaceChildren(...boxes.flatMap((box, at) => {
    if (frame < box.first || frame > box.last) return [];
    const rect = made("rect", { class: `px-box${at === chosen ? " px-box-on" : ""}`, x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top, "data-at": at });
    if (at !== chosen || !shown.editable) return [rect];
    return [rect, made("circle", { class: "px-box-grip", cx: box.right, cy: box.bottom, r: 9 / scale, "data-grip": at })];
  }));
}

function button(text, on) {
  const node = document.createElement("button");
  Object.assign(node, { type: "button", textContent: text });
  node.addEventListener("click", on);
  return node;
}

function show() {
  list.replaceChildren(...boxes.map((box, at) => {
    const item = document.createElement("li");
    const words = [`Box ${at + 1}`, shown.editable ? (origin(box)) : "", frames(box)].filter(Boolean).join(", ");
    const node = button(words, () => choose(at));
    node.setAttribute("aria-pressed", at === chosen);
    item.append(node);
    return item;
  }));
  draw();
  if (!shown.editable) return;
  kept.replaceChildren(...away.map(({ box, reason }, at) => {
    const item = document.createElement("li");
    const label = root.querySelector(`[data-reason="${reason}"]`).lastChild.textContent.trim();
    const back = button("Put back", () => change(() => { away.splice(at, 1); boxes.push(box); chosen = boxes.length - 1; }));
    back.className = "btn btn-sm";
    item.append(`Not blanked: ${label.toLowerCase()} `, back);
    return item;
  }));
  const box = boxes[chosen];
  part("of-proposal").hidden = !box || box.proposal === null;
  part("of-own").hidden = !box || box.proposal !== null;
  act("undo").disabled = !past.length;
  act("frames").textContent = box && box.first === 0 && box.last === shown.frames - 1 ? "This frame only" : "All frames";
  part("decide").textContent = boxes.length ? `Blank ${boxes.length} box${boxes.length > 1 ? "es" : ""}` : "Nothing here";
  if (part("series")) part("series").disabled = !boxes.length;
  form.elements.decision.value = JSON.stringify({
    blank: boxes.map((one) => [one.left, one.top, one.right, one.bottom, one.first, one.last, one.proposal]),
    kept: away.map((one) => [one.box.proposal, one.reason]),
  });
  remember(past.length ? { boxes, away, chosen } : null);
}

// --- what was drawn outlives a lost connection, a new sign-in and a reload; the tab keeps it, and only numbers ----------
let decided = false;
const draft = form && `${form.getAttribute("action")} ${form.elements.round.value}`;
const remember = (what) => { try { if (what) sessionStorage.setItem(draft, JSON.stringify(what)); else sessionStorage.removeItem(draft); } catch { /* storage may be refused */ } };

function recall() {
  if (!shown.editable) return;
  try {
    const before = JSON.parse(sessionStorage.getItem(draft));
    if (before) { keep(); ({ boxes, away, chosen } = before); said.textContent = "Your boxes are as you left them."; }
  } catch { remember(null); }
}

form?.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful) return;
  if (detail.xhr.getResponseHeader("HX-Redirect")) { remember(null); decided = true; }
  else location.reload(); // signed out meanwhile: this page comes back after the sign-in
});
form?.addEventListener("htmx:timeout", () => window.parallax.toast("The server does not answer. Your boxes are kept; try again in a moment.", "error"));

// --- while somebody works here, others are given other images ------------------------------------------------
const claim = part("claim");
if (claim) watch(claim, () => decided);

// --- changes, each of which can be undone ---------------------------------------------------------------
const keep = () => past.push(clone({ boxes, away, chosen }));

function change(work) {
  if (!shown.editable) return;
  keep();
  work();
  show();
}

function undo() {
  if (past.length) ({ boxes, away, chosen } = past.pop());
  show();
}

function choose(at) {
  chosen = at;
  const box = boxes[at];
  if (box && (frame < box.first || frame > box.last)) turn(box.first);
  show();
  if (box) said.textContent = `Box ${at + 1} of ${boxes.length}, ${box.right - box.left} by ${box.bottom - box.top} pixels`;
}

function add(left, top, right, bottom) {
  boxes.push({ left, top, right, bottom, first: 0, last: shown.frames - 1, proposal: null });
  chosen = boxes.length - 1;
}

function drop(reason) {
  const [box] = boxes.splice(chosen, 1);
  if (reason) away.push({ box, reason });
  chosen = Math.min(chosen, boxes.length - 1);
}

function move(box, across, down) {
  const width = box.right - box.left;
  const height = box.bottom - box.top;
  box.left = clamp(box.left + across, 0, shown.columns - width);
  box.top = clamp(box.top + down, 0, shown.rows - height);
  box.right = box.left + width;
  box.bottom = box.top + height;
}

function stretch(box, right, bottom) {
  box.right = clamp(right, box.left + SMALLEST, shown.columns);
  box.bottom = clamp(bottom, box.top + SMALLEST, shown.rows);
}

function magnify(by) {
  zoom = clamp(zoom + by, 0, ZOOMS.length - 1);
  svg.style.width = svg.style.height = `${ZOOMS[zoom] * 100}%`;
  view.classList.toggle("px-look-large", zoom > 0);
  draw();
}

const DO = {
  add: () => change(() => {
    const [width, height] = [Math.round(shown.columns / 4), Math.max(Math.round(shown.rows / 12), SMALLEST)];
    const [left, top] = [Math.round((shown.columns - width) / 2), Math.round((shown.rows - height) / 2)];
    add(left, top, left + width, top + height);
    view.focus();
  }),
  delete: () => { if (boxes[chosen]?.proposal === null) change(() => drop()); },
  frames: () => {
    if (boxes[chosen]) change(() => {
      const box = boxes[chosen];
      const all = box.first === 0 && box.last === shown.frames - 1;
      [box.first, box.last] = all ? [frame, frame] : [0, shown.frames - 1];
    });
  },
  undo,
  whole: () => { whole = !whole; act("whole").setAttribute("aria-pressed", whole); turn(frame); },
  smaller: () => magnify(-1),
  larger: () => magnify(1),
};

root.addEventListener("click", (event) => {
  const asked = event.target.closest("[data-do], [data-reason]");
  if (!asked) return;
  if (asked.dataset.reason) { if (boxes[chosen] && boxes[chosen].proposal !== null) change(() => drop(asked.dataset.reason)); } else DO[asked.dataset.do]?.();
  view.focus();
});

// --- keys: those of buttons are theirs (data-key); these are the image's ------------------------------------
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input, select, textarea")) return;
  const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const box = boxes[chosen];
  if (arrow && box) {
    change(() => {
      const [across, down] = arrow.map((by) => by * STEP);
      if (event.shiftKey) stretch(box, box.right + across, box.bottom + down);
      else move(box, across, down);
    });
  } else if ((event.key === "j" || event.key === "k") && boxes.length) choose((chosen + (event.key === "j" ? 1 : -1) + boxes.length) % boxes.length);
  else if (event.key === "." || event.key === ",") turn(frame + (event.key === "." ? 1 : -1));
  else if (event.key === "Enter" && (event.target === view || event.target === document.body)) form?.requestSubmit(part("decide"));
  else return;
  event.preventDefault();
});

// --- mouse and finger -----------------------------------------------------------------------------------
function point(event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [clamp(Math.round(at.x), 0, shown.columns), clamp(Math.round(at.y), 0, shown.rows)];
}

let drag = null;

svg.addEventListener("pointerdown", (event) => {
  if (!shown.editable || event.button !== 0 || !event.isPrimary) return;
  event.preventDefault();
  view.focus();
  svg.setPointerCapture(event.pointerId);
  const [x, y] = point(event);
  const grip = event.target.dataset.grip;
  const at = event.target.dataset.at;
  drag = { x, y, from: clone({ boxes, away, chosen }), moved: false };
  if (grip !== undefined) drag.kind = "stretch";
  else if (at !== undefined) { drag.kind = "move"; choose(Number(at)); } else drag.kind = "draw";
});

svg.addEventListener("pointermove", (event) => {
  if (!drag || !event.isPrimary) return;
  const [x, y] = point(event);
  if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) < SMALLEST) return;
  if (!drag.moved) {
    drag.moved = true;
    past.push(drag.from);
    if (drag.kind === "draw") { add(drag.x, drag.y, drag.x + SMALLEST, drag.y + SMALLEST); }
    drag.start = clone(boxes[chosen]);
  }
  const box = boxes[chosen];
  if (drag.kind === "move") { Object.assign(box, drag.start); move(box, x - drag.x, y - drag.y); }
  else if (drag.kind === "stretch") stretch(box, x, y);
  else {
    [box.left, box.right] = [Math.min(x, drag.x), Math.max(x, drag.x)];
    [box.top, box.bottom] = [Math.min(y, drag.y), Math.max(y, drag.y)];
    box.left = Math.min(box.left, shown.columns - SMALLEST);
    box.top = Math.min(box.top, shown.rows - SMALLEST);
    box.right = Math.max(box.right, box.left + SMALLEST);
    box.bottom = Math.max(box.bottom, box.top + SMALLEST);
  }
  draw();
});

for (const type of ["pointerup", "pointercancel"]) svg.addEventListener(type, () => { if (drag) { drag = null; show(); } });

slider?.addEventListener("input", () => turn(Number(slider.value) - 1));
image.addEventListener("error", () => window.parallax.toast("The image cannot be shown. Set it aside in quarantine, or ask the site to export it again.", "error"));
window.addEventListener("resize", draw);
recall();
turn(0);
show();
root.dataset.ready = "";
