// The web door's page: files are chosen and read, compared with what the charter expects and with what the server has,
// and sent. Until the person says "send", nothing leaves this computer but digests of the files and of Patient IDs.

import { ask } from "./asking.js";
import { View } from "./drawing.js";
import { match, seriesOf } from "./matching.js";
import { recognise } from "./patients.js";
import { Reader } from "./reading.js";
import { Delivery, compare } from "./sending.js";
import { warningsFor } from "./warnings.js";
import { plural } from "./words.js";

const root = document.querySelector("[data-upload]");
const expected = JSON.parse(document.getElementById("upload-expected").textContent);
const view = new View(root);
const reader = new Reader();
const { dataset } = root;
const NOBODY = "00000000-0000-0000-0000-000000000000";
const of = (address) => (transfer) => address.replace(NOBODY, transfer);
const addresses = { begin: dataset.begin, create: dataset.create, known: dataset.known, finish: of(dataset.finish), status: of(dataset.status) };
// What is sent: attachments only where the server makes DICOM of them.
const TAKEN = new Set(["dicom", "zip", ...(dataset.attachments === "yes" ? ["attachment"] : [])]);
const MOST_BYTES = Number(dataset.most);
const JUNK = /(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini)$/;
// Redrawn so often while sending, in milliseconds; the rate is that of the last seconds.
const TICK = 250;
const RATE_SECONDS = 20;

let items = [];
let plan = null;
let delivery = null;
let stopped = null; // what is still to be let go of

root.addEventListener("px:files", (event) => take(event.detail));
root.addEventListener("click", (event) => ACTS[event.target.closest("[data-act]")?.dataset.act]?.());
window.addEventListener("beforeunload", (event) => { if (dataset.state === "sending") event.preventDefault(); });

const ACTS = {
  send,
  pause: () => delivery.pause(),
  proceed: () => delivery.proceed(),
  stop: () => { stopped = delivery.stop(); },
  again,
  leave,
};

// --- choosing ---------------------------------------------------------------------------------------------------
async function take(files) {
  if (!["empty", "chosen"].includes(dataset.state)) {
    window.parallax.toast("More files can be chosen when these are done.", "info");
    return;
  }
  const known = new Set(items.map((item) => item.path));
  const fresh = files.filter(({ path }) => !JUNK.test(path) && !known.has(path)).map(({ file, path }) => ({ file, path }));
  if (!fresh.length) return;
  view.enter("reading", "line");
  view.say(`Reading ${plural(fresh.length, "file")}.`);
  try {
    await read(fresh);
    items.push(...fresh);
    show();
  } catch (problem) {
    view.enter(items.length ? "chosen" : "empty");
    view.line(problem.message, "bad");
    view.say(problem.message);
  }
}

async function read(fresh) {
  let done = 0;
  const looked = await reader.ask("look", fresh.map((item) => item.file), () => {
    done += 1;
    progress(`Reading ${done.toLocaleString("en-GB")} of ${plural(fresh.length, "file")}`, done / fresh.length);
  });
  fresh.forEach((item, n) => Object.assign(item, looked[n]));
  for (const item of fresh) {
    if (TAKEN.has(item.kind) && item.file.size > MOST_BYTES) {
      Object.assign(item, { kind: "other", sentence: "Larger than this door takes. Send the images singly or in smaller archives." });
    }
  }
  const taken = fresh.filter((item) => TAKEN.has(item.kind));
  const bytes = taken.reduce((sum, item) => sum + item.file.size, 0);
  let hashed = 0;
  const digests = await reader.ask("digest", taken.map((item) => item.file), (length) => {
    hashed += length;
    progress("Comparing with what is already here", bytes ? hashed / bytes : 1);
  });
  taken.forEach((item, n) => { item.sha256 = typeof digests[n] === "string" ? digests[n] : ""; });
  await compare(taken, addresses.known);
  await recognise(taken.flatMap((item) => item.images ?? []), addresses.known);
}

function progress(text, share) {
  view.line(`${text}…`);
  view.bar("reading", share);
}

function show() {
  const taken = items.filter((item) => TAKEN.has(item.kind));
  const first = new Map(); // the same file in two folders goes once
  for (const item of taken) if (!first.has(item.sha256 || item)) first.set(item.sha256 || item, item);
  const single = [...first.values()];
  const toSend = single.filter((item) => item.known !== "have");
  const series = seriesOf(single);
  const matched = match(series, expected.series);
  const left = items.filter((item) => !TAKEN.has(item.kind));
  for (const item of taken) {
    const same = first.get(item.sha256 || item);
    if (same !== item) left.push({ ...item, sentence: `The same as ${same.path}.` });
  }
  const attachments = single.filter((item) => item.kind === "attachment");
  if (!taken.length) {
    view.enter("empty");
    const text = `No DICOM images are among the ${plural(items.length, "file")} you chose. Choose the folder that the scanner or PACS exported.`;
    view.line(text, "bad");
    view.say(text);
    items = [];
    return;
  }
  const warnings = warningsFor(single, series, matched, expected);
  plan = { items, toSend, attachments, left, series, matched, warnings, expected, open: dataset.open };
  view.line("");
  view.enter("chosen", "chosen");
  view.chosen(plan);
  view.say([view.part("sum").textContent, ...warnings.map((warning) => warning.text)].join(" "));
}

// --- sending ----------------------------------------------------------------------------------------------------
async function send() {
  const { toSend } = plan;
  const told = { picture: view.part("picture").value, date: view.part("made").value };
  for (const item of toSend) {
    Object.assign(item, { arrived: item.arrived ?? 0, flying: 0, tried: 0, told: item.kind === "attachment" ? told : {} });
  }
  delivery = new Delivery(toSend, { addresses, chunk: Number(dataset.chunk), transfer: dataset.open, tell });
  const draw = drawer(toSend);
  view.enter("sending", "sending");
  view.refused([]);
  const timer = setInterval(draw, TICK);
  let problem = null;
  try {
    await delivery.run();
  } catch (failure) {
    problem = failure;
  }
  await stopped;
  stopped = null;
  clearInterval(timer);
  draw();
  finish(toSend, problem);
}

function tell(item) {
  if (item?.state === "refused") view.refused(plan.toSend.filter((each) => each.state === "refused"));
  if (!item && delivery.paused !== null) view.say(delivery.paused);
  if (!item && delivery.trouble) view.say(delivery.trouble);
}

// Draws how far it is, and says it aloud at each quarter.
function drawer(toSend) {
  const total = toSend.reduce((sum, item) => sum + item.file.size, 0);
  const recent = [];
  let said = 0;
  return () => {
    const settled = toSend.filter((item) => item.state === "sent" || item.state === "refused");
    const going = delivery.going;
    const over = new Set(settled);
    const arrived = toSend.reduce((sum, item) => sum + (over.has(item) ? item.file.size : item.arrived + Math.max(item.flying, 0)), 0);
    recent.push([performance.now() / 1000, arrived]);
    while (recent.length > (RATE_SECONDS * 1000) / TICK) recent.shift();
    const [[since, then]] = recent;
    const rate = (arrived - then) / (recent.at(-1)[0] - since);
    const left = rate > 0 ? (total - arrived) / rate : 0;
    const { trouble, paused } = delivery;
    view.sending({ files: toSend.length, sent: settled.length, total, arrived, left, going, series: plan.series, trouble, paused });
    const quarter = Math.floor((4 * arrived) / total);
    if (quarter > said && quarter < 4) view.say(`${quarter * 25} % sent.`);
    said = Math.max(said, quarter);
  };
}

function finish(toSend, problem) {
  const sent = toSend.filter((item) => item.state === "sent").length;
  const refused = toSend.filter((item) => item.state === "refused");
  if (problem) view.done("Not finished", problem.message, "bad");
  else if (sent + refused.length < toSend.length) view.done("Stopped", `${plural(sent, "file")} had arrived and ${sent === 1 ? "is" : "are"} safe. The rest was not sent.`, "warn");
  else if (!toSend.length) view.done("Complete", "Everything you chose was here already. The delivery is finished.", "ok");
  else if (!sent) view.done("Nothing was taken", "The server refused every file; see below.", "bad");
  else if (refused.length) view.done("Sent, but not everything was taken", `${plural(sent, "file")} arrived and ${sent === 1 ? "is" : "are"} safe; ${plural(refused.length, "file was", "files were")} refused.`, "warn");
  else view.done("Sent and safe", "You may close this page. What was recognised is shown below and on the timepoint's page.", "ok");
  view.refused(refused);
  view.enter("done", "done");
  view.say(view.part("notice").textContent);
  dataset.open = "";
  if (delivery.transfer) follow(delivery.transfer, toSend);
}

// Shows what the server makes of it, live; names of an archive's files are put in here, as only this browser has them.
function follow(transfer, toSend) {
  const place = view.part("recognised");
  place.addEventListener("htmx:afterSettle", () => nameRefusals(place, toSend));
  window.htmx.ajax("GET", addresses.status(transfer), { target: place, swap: "innerHTML" });
}

function nameRefusals(place, toSend) {
  for (const row of place.querySelectorAll("[data-refused]")) {
    const item = toSend.find((each) => each.url?.includes(row.dataset.refused));
    const names = row.dataset.entries.split(" ").map((entry) => item?.names?.[entry]).filter(Boolean);
    const more = Number(row.dataset.count) - names.length;
    if (names.length) row.textContent = `${item.path}: ${names.join(", ")}${more ? ` and ${plural(more, "more", "more")}` : ""}`;
  }
}

function again() {
  items = [];
  plan = null;
  view.part("recognised").replaceChildren();
  view.line("");
  view.enter("empty", "line");
}

// Ends an upload that was left unfinished, with what arrived.
async function leave() {
  try {
    await ask(addresses.finish(dataset.open));
    window.location.reload();
  } catch (problem) {
    view.line(problem.message, "bad");
  }
}

view.enter("empty");
