// The page's side of the worker that reads files.

// Files in one message: few enough that progress shows, many enough that messages cost nothing.
const BATCH = 200;

export class Reader {
  #worker = new Worker(new URL("./reading.worker.js", import.meta.url), { type: "module" });
  #asked = new Map();
  #last = 0;

  constructor() {
    this.#worker.addEventListener("message", ({ data }) => {
      const { resolve, progress } = this.#asked.get(data.id);
      if (!data.answers) {
        progress(data.bytes);
        return;
      }
      this.#asked.delete(data.id);
      resolve(data.answers);
    });
    this.#worker.addEventListener("error", (event) => {
      for (const { reject } of this.#asked.values()) reject(new Error(event.message));
      this.#asked.clear();
    });
  }

  // `task` is "look" or "digest"; `progress(bytes)` is told of each file that was read.
  async ask(task, files, progress) {
    const answers = [];
    for (let at = 0; at < files.length; at += BATCH) {
      const batch = files.slice(at, at + BATCH);
      answers.push(...(await new Promise((resolve, reject) => {
        this.#last += 1;
        this.#asked.set(this.#last, { resolve, reject, progress });
        this.#worker.postMessage({ id: this.#last, task, files: batch });
      })));
    }
    return answers;
  }
}
