// The web door's page: takes a dropped folder, files or a ZIP, sends file by file, and shows what became of each.
// Addresses and texts come from the page's data attributes; the server decides everything.

const PARALLEL = 3;
const TRIES = 4;
const UNCLEAR = "The server did not take this. Reload the page and try again.";

const zone = document.querySelector("[data-upload]");
if (zone) start(zone);

function start(zone) {
  const part = (name) => zone.querySelector(`[data-upload-${name}]`);
  const state = { queue: [], sent: 0, bytes: 0, underway: new Map(), total: 0, files: 0, kept: 0, refused: 0, busy: false, began: 0 };

  for (const input of zone.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      take([...input.files]);
      input.value = ""; // The same files may be chosen again.
    });
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
    files = files.filter((file) => !file.name.startsWith("."));
    if (!files.length) return;
    if (state.busy) {
      list(`${files.length} more`, "were not taken, because an upload is under way. Choose them again when it is done.");
      return;
    }
    Object.assign(state, {
      queue: files, sent: 0, bytes: 0, files: files.length, kept: 0, refused: 0, busy: true, began: Date.now(),
      total: files.reduce((sum, file) => sum + file.size, 0),
    });
    state.underway.clear();
    part("progress").hidden = false;
    part("refused").replaceChildren();
    part("refused").hidden = true;
    part("recognised").replaceChildren();
    show();
    try {
      const begun = await ask(zone.dataset.begin);
      const base = zone.dataset.transfer.replace("00000000-0000-0000-0000-000000000000", begun.transfer);
      const ends = await Promise.allSettled(Array.from({ length: PARALLEL }, () => worker(base)));
      await ask(`${base}finish/`);
      if (state.kept) follow(base, state.began);
      for (const end of ends) if (end.status === "rejected") throw end.reason;
      if (!state.refused) say("Sent and safe. You may close this page.");
      else if (state.kept) say("Sent. Some files were not taken; see below.");
      else say("Nothing was taken; see below.", true);
    } catch (problem) {
      say(problem.message, true);
    } finally {
      state.busy = false;
    }
  }

  async function worker(base) {
    for (let file = state.queue.shift(); file; file = state.queue.shift()) {
      try {
        const answer = await patiently(() => send(`${base}files/`, file, (bytes) => show(file, bytes)));
        state.kept += answer.kept;
        for (const refusal of answer.refused) refuse(file, refusal);
      } catch (problem) {
        state.queue = []; // The other workers end what they have in hand.
        throw problem;
      }
      state.bytes += file.size;
      state.sent += 1;
      show(file, 0);
    }
  }

  function refuse(file, refusal) {
    state.refused += 1;
    list(refusal.entry ? `${file.name}, file ${refusal.entry}` : file.name, refusal.sentence);
  }

  function list(what, sentence) {
    const row = document.createElement("li");
    const name = document.createElement("strong");
    name.textContent = what;
    row.append(name, ` ${sentence}`);
    part("refused").append(row);
    part("refused").hidden = false;
  }

  function show(file, bytes = 0) {
    if (file) state.underway.set(file, Math.min(bytes, file.size));
    const underway = [...state.underway.values()].reduce((sum, one) => sum + one, 0);
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

  async function follow(base, began) {
    const place = part("recognised");
    for (;;) {
      const answer = await fetch(`${base}status/`, { headers: { "HX-Request": "true" } });
      if (!answer.ok || state.began !== began) return; // Another upload took this place.
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
      const answer = parsed(request.responseText);
      if (request.status < 300 && answer) resolve(answer);
      else if (request.status < 300) reject(new SignedOut());
      else if (request.status >= 500) reject(new Lost(answer?.detail));
      else resolve({ kept: 0, refused: [{ sentence: answer?.detail ?? UNCLEAR, entry: 0 }] });
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
    const said = parsed(await answer.text());
    if (answer.status >= 500) throw new Lost(said?.detail);
    if (!answer.ok) throw new Error(said?.detail ?? UNCLEAR);
    if (!said) throw new SignedOut();
    return said;
  });
}

// A failure that may pass; the server's own sentence about it, if it sent one.
class Lost extends Error {
  constructor(sentence = "The connection was lost. What was sent is safe; choose the files again to send the rest.") {
    super(sentence);
  }
}

// The door answered with a page, the one for signing in.
class SignedOut extends Error {
  constructor() {
    super("You are signed out. What was sent is safe; reload the page, sign in and choose the files again.");
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

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
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
