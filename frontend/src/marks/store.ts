// Where marks are kept: on the server, one at a time, each with the version it started from. A lost network is waited
// for; a mark that was changed elsewhere meanwhile is a choice for the reader, never a mixture.
import type { Keeper, Mark } from "../mark.ts";

/** Asks the reader which of two shall stand: what was drawn here, or what is stored. */
export type Choose = (stored: Mark) => Promise<"mine" | "stored">;

export interface Means {
  fetch: typeof fetch;
  csrf: () => string;
  /** Resolves after a while, or when the network is back. */
  wait: (milliseconds: number) => Promise<void>;
  /** How many marks are on their way, and whether the network is lost. */
  told: (waiting: number, lost: boolean) => void;
}

interface Answer {
  mark?: Mark | null;
  code?: string;
  detail?: string;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 10_000;
const NOT_STORED = "The mark was not stored. Reload the page, and sign in again if you are asked to.";

export class Store implements Keeper {
  private readonly url: string;
  private readonly choose: Choose;
  private readonly means: Means;
  /** The last version known of each mark; none of one that was never stored. */
  private readonly versions = new Map<string, number>();
  /** What is on its way, by mark: changes of one mark go one after the other. */
  private readonly underway = new Map<string, Promise<unknown>>();
  private waiting = 0;

  constructor(url: string, choose: Choose, means: Means) {
    this.url = url;
    this.choose = choose;
    this.means = means;
  }

  /** Marks as they are stored: of this read, and of the reader's own reads before it. */
  async load(): Promise<{ marks: Mark[]; earlier: Mark[] }> {
    const answer = await this.persist(() => this.means.fetch(this.url, { headers: { Accept: "application/json" } }));
    if (!answer.ok) throw new Error("The marks of this read could not be loaded. Reload the page.");
    const found = (await answer.json()) as { marks: Mark[]; earlier: Mark[] };
    for (const mark of found.marks) this.versions.set(mark.key, mark.version);
    return found;
  }

  store(mark: Mark): Promise<Mark> {
    const before = this.underway.get(mark.key) ?? Promise.resolve();
    const sent = before.then(() => this.put(mark));
    const settled = sent.catch(() => undefined);
    this.underway.set(mark.key, settled);
    this.count(1);
    void settled.then(() => {
      if (this.underway.get(mark.key) === settled) this.underway.delete(mark.key);
      this.count(-1);
    });
    return sent;
  }

  private async put(mark: Mark): Promise<Mark> {
    const known = this.versions.get(mark.key);
    const headers = {
      Accept: "application/json",
      "Content-Type": "application/json",
      "X-CSRFToken": this.means.csrf(),
      ...(known ? { "If-Match": `"${known}"` } : { "If-None-Match": "*" }),
    };
    // Kept alive, so that a mark drawn as the page is left still arrives.
    const request = { method: "PUT", headers, body: JSON.stringify(mark), keepalive: true };
    const answer = await this.persist(() => this.means.fetch(`${this.url}${mark.key}/`, request));
    const told = (await answer.json().catch(() => ({}))) as Answer;
    if (answer.ok && told.mark) return this.stands(told.mark);
    if (told.code !== "stale_mark" || !told.mark) throw new Error(told.detail ?? NOT_STORED);
    const stored = this.stands(told.mark);
    return (await this.choose(stored)) === "mine" ? this.put(mark) : stored;
  }

  private stands(mark: Mark): Mark {
    this.versions.set(mark.key, mark.version);
    return mark;
  }

  /** Ask again until there is an answer: sent twice, a mark is stored once. */
  private async persist(ask: () => Promise<Response>): Promise<Response> {
    for (let pause = FIRST_WAIT_MS; ; pause = Math.min(2 * pause, LONGEST_WAIT_MS)) {
      const answer = await ask().catch(() => undefined);
      // A gateway that answers for a server which is not there is no answer.
      if (answer && ![502, 503, 504].includes(answer.status)) {
        this.means.told(this.waiting, false);
        return answer;
      }
      this.means.told(this.waiting, true);
      await this.means.wait(pause);
    }
  }

  private count(by: number): void {
    this.waiting += by;
    this.means.told(this.waiting, false);
  }
}
