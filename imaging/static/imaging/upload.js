// The web door's page: takes a dropped folder, files or a ZIP, sends file by file, and shows what became of each.
// Addresses and texts come from the page's data attributes; the server decides everything.

const PARALLEL = 3;
const TRIES = 4;

const zone = document.querySelector("[data-upload]");
if (zone) start(zone);

function start(zone) {
  const part = (name) => zone.querySelector(`[data-upload-${name}]`);
  const state = { queue: [], sent: 0, bytes: 0, total: 0, files: 0, kept: 0, refused: [], busy: false, began: 0 };

  for (const input of zone.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => take([...input.files]));
  }
  const drop = part("drop");
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("is-over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("is-over");
    take(await dropped(event.dataTransfer));
  });
  window.addEventListener("beforeunload", (event) => {
    if (state.busy) event.preventDefault();
  });

  async function take(files) {
    files = files.filter((file) => file.size > 0 || files.length === 1).filter((file) => !file.name.startsWith("."));
    if (!files.length || state.busy) return;
    Object.assign(state, {
      queue: files, sent: 0, bytes: 0, files: files.length, kept: 0, refused: [], busy: true, began: Date.now(),
      total: files.reduce((sum, file) => sum + file.size, 0),
    });
    part("progress").hidden = false;
    part("refused").replaceChildren();
    show();
    try {
      const begun = await ask(zone.dataset.begin);
      const base = zone.dataset.transfer.replace("00000000-0000-0000-0000-000000000000", begun.transfer);
      await Promise.all(Array.from({ length: PARALLEL }, () => worker(base)));
      await ask(`${base}finish/`);
      say(state.refused.length ? "Sent. Some files were not taken; see below." : "Sent and safe. You may close this page.");
      follow(base);
    } catch (problem) {
      say(problem.message, true);
    } finally {
      state.busy = false;
    }
  }

  async function worker(base) {
    for (let file = state.queue.shift(); file; file = state.queue.shift()) {
      const before = state.bytes;
      const answer = await patiently(() => send(`${base}files/`, file, (bytes) => show(bytes)));
      state.bytes = Math.max(state.bytes, before) + file.size;
      state.sent += 1;
      state.kept += answer.kept;
      for (const refusal of answer.refused) refuse(file, refusal);
      show();
    }
  }

  function refuse(file, refusal) {
    state.refused.push(refusal);
    const row = document.createElement("li");
    const name = document.createElement("strong");
    name.textContent = refusal.entry ? `${file.name}, file ${refusal.entry}` : file.name;
    row.append(name, ` ${refusal.sentence}`);
    part("refused").append(row);
    part("refused").hidden = false;
  }

  function show(underway = 0) {
    const share = state.total ? Math.min((state.bytes + underway) / state.total, 1) : 0;
    const bar = part("bar");
    bar.value = share;
    bar.textContent = `${Math.round(share * 100)} %`;
    const seconds = (Date.now() - state.began) / 1000;
    const left = share > 0.02 && share < 1 ? `, about ${pace((seconds / share) * (1 - share))} left` : "";
    say(`${state.sent} of ${state.files} files sent (${Math.round(share * 100)} %)${left}`);
  }

  function say(text, failed = false) {
    const line = part("line");
    line.textContent = text;
    line.classList.toggle("text-danger", failed);
  }

  async function follow(base) {
    const place = part("recognised");
    for (;;) {
      const answer = await fetch(`${base}status/`, { headers: { "HX-Request": "true" } });
      if (!answer.ok) return;
      place.innerHTML = await answer.text();
      if (place.querySelector("[data-settled=yes]")) return;
      await pause(1000);
    }
  }
}

function send(url, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("file", file, "file");
    request.open("POST", url);
    request.setRequestHeader("X-CSRFToken", token());
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => progress(event.loaded));
    request.addEventListener("error", () => reject(new Lost()));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else if (request.status >= 500) reject(new Lost());
      else resolve({ kept: 0, refused: [{ sentence: sentence(request.responseText), entry: 0 }] });
    });
    request.send(body);
  });
}

async function ask(url) {
  return patiently(async () => {
    let answer;
    try {
      answer = await fetch(url, { method: "POST", headers: { "X-CSRFToken": token(), Accept: "application/json" } });
    } catch {
      throw new Lost();
    }
    if (answer.status >= 500) throw new Lost();
    if (!answer.ok) throw new Error(sentence(await answer.text()));
    return answer.json();
  });
}

class Lost extends Error {
  constructor() {
    super("The connection was lost. What was sent is safe; choose the files again to send the rest.");
  }
}

async function patiently(attempt) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt();
    } catch (problem) {
      if (!(problem instanceof Lost) || tried === TRIES) throw problem;
      await pause(500 * 2 ** tried);
    }
  }
}

function sentence(text) {
  try {
    return JSON.parse(text).detail;
  } catch {
    return "The server did not take this file. Reload the page and try again.";
  }
}

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const lists = await Promise.all(entries.map(filesBelow));
  return lists.flat();
}

async function filesBelow(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) break;
    found.push(...(await Promise.all(batch.map(filesBelow))).flat());
  }
  return found;
}

function token() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
}

function pace(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
