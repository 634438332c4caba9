// A proposed face mask: pictures and surface before and after, gone through and set with mouse, finger or keys alone.

import { watch } from "./claim.js";

const root = document.querySelector("[data-face]");
const part = (name) => root.querySelector(`[data-${name}]`);
const shown = JSON.parse(document.getElementById("face").textContent);
const [view, form, slider, place, angle, share, drawing] = ["view", "form", "slider", "place", "angle", "share", "drawing"].map(part);
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const SETTLED = 150; // milliseconds for which a slider stands still before the server is asked
const KEPT = 60; // pictures kept at hand

let number = shown.begin;
let marked = true;

// --- what is asked for -----------------------------------------------------------------------------
function mask() {
  if (!form) return shown.first;
  const shape = new FormData(form).get("shape");
  const names = { found: ["grow_mm"], plane: ["front_mm", "top_mm", "bottom_mm", "turn"] }[shape];
  return names ? Object.fromEntries([["shape", shape], ...names.map((name) => [name, form.elements[name].value])]) : {};
}

const query = (more, what = mask()) => `?${new URLSearchParams({ ...what, ...more })}`;
const picture = (n, show) => shown.picture.replace(/pictures\/\d+\//, `pictures/${n}/`) + (show === "before" ? query({ show }, {}) : query({ show }));
const surface = (show) => shown.surface + (show === "before" ? query({ show, view: angle.value }, {}) : query({ show, view: angle.value }));

// --- one picture after the other is asked for, and of each place only what it shows last ---------------------
const near = new Map();
const wanted = new Map();
const timers = new Map();
let busy = false;

function idle() {
  drawing.hidden = !busy;
  root.toggleAttribute("data-idle", !busy && !timers.size && !wanted.size);
}

async function work() {
  if (busy) return;
  busy = true;
  while (wanted.size) {
    idle();
    const [name, task] = wanted.entries().next().value;
    wanted.delete(name);
    await task();
  }
  busy = false;
  idle();
}

function want(name, task) {
  wanted.set(name, task);
  work();
}

function soon(name, task) {
  clearTimeout(timers.get(name));
  timers.set(name, setTimeout(() => { timers.delete(name); task(); idle(); }, SETTLED));
  idle();
}

function fetched(url) {
  if (!near.has(url)) {
    const image = new Image();
    image.src = url;
    near.set(url, image);
    if (near.size > KEPT) near.delete(near.keys().next().value);
  }
  return near.get(url);
}

const put = (name, url, alt) => want(name, async () => {
  const image = fetched(url);
  try {
    await image.decode();
    const next = image.cloneNode();
    next.dataset.shown = name;
    next.alt = alt;
    part(`shown="${name}"`).replaceWith(next);
  } catch {
    near.delete(url);
    window.parallax.toast("The picture cannot be shown. Try again, or set the series aside.", "error");
  }
});

function drawPictures() {
  put("before", picture(number, marked ? "marked" : "before"), `Picture ${number} before`);
  put("after", picture(number, "after"), `Picture ${number} after`);
}

function drawSurface() {
  if (angle) for (const show of ["before", "after"]) put(`surface-${show}`, surface(show), `Surface ${show}, from ${angle.value}°`);
}

const drawShare = () => want("share", async () => {
  try {
    const answer = await fetch(shown.share + query({}));
    const text = await answer.text();
    if (answer.ok) share.innerHTML = text; else share.textContent = text;
  } catch { /* said with the pictures */ }
});

// --- through the pictures, and around the head ---------------------------------------------------------------
function turn(to) {
  number = clamp(to, 1, shown.pictures);
  place.textContent = `Picture ${number} / ${shown.pictures}`;
  slider.value = number;
  soon("pictures", drawPictures);
}

slider.addEventListener("input", () => turn(Number(slider.value)));
view.addEventListener("wheel", (event) => { event.preventDefault(); turn(number + Math.sign(event.deltaY)); }, { passive: false });
angle?.addEventListener("input", () => soon("surface", drawSurface));

function look(by) {
  if (!angle) return;
  angle.value = Number(angle.value) + by;
  soon("surface", drawSurface);
}

const DO = {
  back: () => turn(number - 1),
  on: () => turn(number + 1),
  left: () => look(-15),
  right: () => look(15),
  mark: (button) => { marked = !marked; button.setAttribute("aria-pressed", marked); drawPictures(); },
};

root.addEventListener("click", (event) => {
  const asked = event.target.closest("[data-do]");
  if (asked) DO[asked.dataset.do](asked);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input, select, textarea")) return;
  const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -10, PageDown: 10 }[event.key];
  if (!by) return;
  event.preventDefault();
  turn(number + by);
});

// --- the mask as it is set -------------------------------------------------------------------------------------
const UNITS = { turn: "°" };

function say() {
  const shape = new FormData(form).get("shape");
  for (const one of form.querySelectorAll("[data-of]")) one.hidden = one.dataset.of !== shape;
  for (const range of form.querySelectorAll("input[type=range]")) {
    form.querySelector(`output[for="${range.id}"]`).textContent = `${range.value} ${UNITS[range.name] ?? "mm"}`;
  }
  for (const reason of form.querySelectorAll("[name=no_face]")) reason.required = shape === "none";
  const decide = part("decide");
  decide.textContent = shape === "none" ? decide.dataset.none : decide.dataset.mask;
  decide.disabled = !shape;
}

function changed() {
  say();
  soon("pictures", drawPictures);
  soon("surface", drawSurface);
  soon("share", drawShare);
}

let decided = false;
form?.addEventListener("input", changed);
form?.addEventListener("submit", () => { decided = true; });
const claim = part("claim");
if (claim) watch(claim, () => decided);

if (form) say();
drawPictures();
drawSurface();
drawShare();
root.dataset.ready = "";
