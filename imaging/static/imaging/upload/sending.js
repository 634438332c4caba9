// Sends files to the server, several at a time, by the tus protocol: what arrived is durable piece by piece, a lost
// network is waited for, and what the server has is never sent again. Names of files stay here.

import { Lost, Refused, SignedOut, ask, headers, problemOf } from "./asking.js";

const PARALLEL = 3;
// Files in one question what the server has.
const QUESTION = 1000;
// Waits before the next try, in seconds; the last is repeated until the network is back or the person stops.
const WAITS = [1, 2, 4, 8, 15, 30];
// How often bytes may arrive damaged before the file counts as refused.
const TRIES = 3;

class Interrupted extends Error {}

// Asks what the server has of some files, and notes it in them. With a delivery, what was begun becomes part of it.
export async function compare(items, url, transfer) {
  const asked = items.filter((item) => item.sha256);
  for (let at = 0; at < asked.length; at += QUESTION) {
    const batch = asked.slice(at, at + QUESTION);
    const files = batch.map(({ sha256, file }) => ({ sha256, size: file.size }));
    const answer = await ask(url, transfer ? { transfer, files } : { files });
    answer.files.forEach(({ state, upload, offset, warning }, n) =>
      Object.assign(batch[n], { known: state, url: upload, arrived: offset ?? 0, warning }));
  }
}

// One delivery. Each item is {file, kind, sha256, known, url, arrived}; its `state` goes from "waiting" through "going"
// to "sent" or "refused" with a `sentence`. `tell` hears of each change.
export class Delivery {
  #items;
  #addresses;
  #chunk;
  #tell;
  #queue = [];
  #going = new Map();
  #resume = null;
  #stopped = false;

  constructor(items, { addresses, chunk, transfer, tell }) {
    this.#items = items;
    this.#addresses = addresses;
    this.#chunk = chunk;
    this.#tell = tell;
    this.transfer = transfer;
    this.paused = null; // or why: a sentence
    this.trouble = ""; // what is being waited for
    for (const item of items) item.state = "waiting";
  }

  get going() {
    return [...this.#going.keys()];
  }

  // Ends when every file was taken or refused, or `stop` was called; throws what makes going on useless.
  async run() {
    await this.#patiently(async () => {
      this.transfer ||= (await ask(this.#addresses.begin)).transfer;
      await this.#claim();
    });
    this.#queue = this.#items.filter((item) => item.state === "waiting");
    const lanes = await Promise.allSettled(Array.from({ length: PARALLEL }, () => this.#lane()));
    const failed = lanes.find((lane) => lane.status === "rejected");
    if (failed) throw failed.reason;
    await this.#patiently(() => ask(this.#addresses.finish(this.transfer)));
  }

  pause(sentence = "Paused.") {
    if (this.paused !== null) return;
    this.paused = sentence;
    this.#interrupt();
    this.#tell();
  }

  proceed() {
    this.paused = null;
    this.trouble = "";
    this.#resume?.resolve();
    this.#resume = null;
    this.#tell();
  }

  // Lets go of what is half there, and ends the delivery with what arrived.
  async stop() {
    this.#stopped = true;
    this.#queue = [];
    const begun = this.#items.filter((item) => item.url && item.state !== "sent" && item.state !== "refused");
    this.#interrupt();
    this.proceed();
    await Promise.allSettled(begun.map((item) => discard(item.url)));
    if (this.transfer) await ask(this.#addresses.finish(this.transfer)).catch(() => {});
  }

  #interrupt() {
    for (const { upload, reject } of this.#going.values()) {
      upload.abort();
      reject(new Interrupted());
    }
  }

  async #lane() {
    for (let item = this.#queue.shift(); item; item = this.#queue.shift()) {
      try {
        await this.#patiently(() => this.#bring(item));
      } catch (problem) {
        this.#queue = [];
        throw problem;
      }
      this.#tell(item);
    }
  }

  // Does something again and again until it succeeds, waiting while there is no network and while the person pauses.
  async #patiently(attempt) {
    for (let tried = 0; !this.#stopped; tried += 1) {
      if (this.paused !== null) await this.#continued();
      if (this.#stopped) return;
      try {
        await attempt();
        this.#easy();
        return;
      } catch (problem) {
        if (problem instanceof SignedOut) this.pause(problem.message);
        else if (problem instanceof Lost) await this.#wait(WAITS[Math.min(tried, WAITS.length - 1)], problem.message);
        else if (problem instanceof Interrupted) tried = -1;
        else throw problem;
      }
    }
  }

  #continued() {
    if (!this.#resume) {
      let resolve;
      const promise = new Promise((done) => { resolve = done; });
      this.#resume = { promise, resolve };
    }
    return this.#resume.promise;
  }

  async #wait(seconds, sentence) {
    this.trouble = sentence;
    this.#tell();
    // Sooner when the network is back; later than the last of several waiting lanes does no harm.
    await new Promise((resolve) => {
      const timer = setTimeout(done, seconds * 1000);
      window.addEventListener("online", done, { once: true });
      function done() {
        clearTimeout(timer);
        window.removeEventListener("online", done);
        resolve();
      }
    });
  }

  #easy() {
    if (!this.trouble) return;
    this.trouble = "";
    this.#tell();
  }

  async #claim() {
    const waiting = this.#items.filter((item) => item.state === "waiting");
    try {
      await compare(waiting, this.#addresses.known, this.transfer);
    } catch (problem) {
      if (problem.code !== "transfer_closed") throw problem;
      // Another tab has ended the delivery that was to be continued: ours is a new one.
      this.transfer = (await ask(this.#addresses.begin)).transfer;
      await compare(waiting, this.#addresses.known, this.transfer);
    }
    for (const item of waiting) if (item.known === "have") item.state = "sent";
  }

  // One try at sending one file to its end. What went wrong in passing is thrown, what is final is noted.
  async #bring(item) {
    item.state = "going";
    try {
      // Its first bytes may have arrived in a request whose answer was lost.
      if (item.tried && !item.url) await compare([item], this.#addresses.known, this.transfer);
      item.tried = (item.tried ?? 0) + 1;
      if (this.paused !== null || this.#stopped) throw new Interrupted();
      if (item.known !== "have") await this.#upload(item);
      item.state = "sent";
      item.arrived = item.file.size;
    } catch (problem) {
      item.flying = 0;
      if (!(problem instanceof Refused)) {
        item.state = "waiting";
        throw problem;
      }
      await this.#refused(item, problem);
    }
  }

  async #refused(item, problem) {
    if (problem.code === "transfer_closed") {
      this.transfer = (await ask(this.#addresses.begin)).transfer;
      throw new Interrupted();
    }
    if (problem.code === "offset_conflict") throw new Lost(problem.message);
    if (["upload_finished", "not_found", "checksum_mismatch"].includes(problem.code) && item.tried < TRIES) {
      item.url = undefined;
      item.arrived = 0;
      throw new Interrupted();
    }
    if (problem.code === "access_denied") throw problem;
    item.state = "refused";
    item.sentence = problem.message;
  }

  #upload(item) {
    return new Promise((resolve, reject) => {
      const upload = new window.tus.Upload(item.file, {
        endpoint: this.#addresses.create,
        uploadUrl: item.url ?? null,
        metadata: { transfer: this.transfer, kind: item.kind, ...(item.sha256 ? { sha256: item.sha256 } : {}), ...item.told },
        headers: headers(),
        chunkSize: this.#chunk,
        uploadDataDuringCreation: true,
        retryDelays: null, // we wait ourselves: for as long as it takes, and for a person who pauses
        storeFingerprintForResuming: false, // the server knows what it has, for other machines as well
        onUploadUrlAvailable: () => { item.url = upload.url; },
        onProgress: (sent) => { item.flying = sent - item.arrived; },
        onChunkComplete: (_, arrived) => Object.assign(item, { arrived, flying: 0 }),
        onAfterResponse: (request, answer) => {
          const asked = new URL(request.getURL(), document.baseURI).href;
          if (answer.getUnderlyingObject().responseURL !== asked) throw new SignedOut();
        },
        onSuccess: resolve,
        onError: (problem) => reject(meaning(problem)),
      });
      this.#going.set(item, { upload, reject });
      upload.start();
    }).finally(() => this.#going.delete(item));
  }
}

async function discard(url) {
  for (const seconds of [0, 1, 3]) {
    await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
    const answer = await fetch(url, { method: "DELETE", headers: { ...headers(), "Tus-Resumable": "1.0.0" } });
    if (answer.status !== 423) return; // else the request that we broke off still writes
  }
}

function meaning(problem) {
  if (problem.causingError instanceof SignedOut) return problem.causingError;
  const answer = problem.originalResponse;
  return answer ? problemOf(answer.getStatus(), answer.getBody()) : new Lost();
}
