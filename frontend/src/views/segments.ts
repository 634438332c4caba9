// Painted regions as the house keeps them: one request at a time for each, naming the version that it changes.
import { ask } from "./request.ts";

export interface Segment {
  key: string;
  version: number;
  series: string;
  lesion: number | null;
  /** Instance key, frame, runs. */
  slices: [string, number, number[]][];
  voxels: number;
  volume_ml: number | null;
  software: string;
  removed: boolean;
}

interface Answer {
  segment?: Segment | null;
}

export class Segments {
  readonly all = new Map<string, Segment>();
  private readonly url: string | null;
  private readonly told: (problem: string) => void;
  private readonly going = new Set<string>();
  private readonly waiting = new Map<string, Segment>();
  private readonly sent = new Map<string, Segment>();
  private readonly hearers = new Map<string, ((ok: boolean) => void)[]>();
  /** Hears of each region as it is stored. */
  stored: (segment: Segment) => void = () => {};

  /** `told` hears whenever something was stored, with a sentence where it was not. */
  constructor(url: string | null, told: (problem: string) => void) {
    this.url = url;
    this.told = told;
  }

  get stands(): Segment[] {
    return [...this.all.values()].filter((each) => !each.removed);
  }

  /** Whether everything painted is stored. */
  get settled(): boolean {
    return !this.going.size && !this.waiting.size;
  }

  async load(): Promise<void> {
    if (!this.url) return;
    const answer = await ask<{ segments?: Segment[] }>(this.url);
    for (const each of answer.body.segments ?? []) this.all.set(each.key, each);
    this.told("");
  }

  /** A region as it was told last, also where that is still on its way. */
  latest(key: string): Segment | undefined {
    return this.waiting.get(key) ?? this.sent.get(key) ?? this.all.get(key);
  }

  /** Say which lesion a region is. */
  async tie(key: string, lesion: number | null): Promise<boolean> {
    const segment = this.latest(key);
    return segment ? this.put({ ...segment, lesion }) : false;
  }

  /** Store a region as it is now; while a request is under way the latest one waits for it. Resolves true once stored. */
  put(segment: Segment): Promise<boolean> {
    const { key } = segment;
    this.waiting.set(key, segment);
    return new Promise((done) => {
      this.hearers.set(key, [...(this.hearers.get(key) ?? []), done]);
      if (!this.going.has(key)) void this.send(key);
    });
  }

  private async send(key: string): Promise<void> {
    const segment = this.waiting.get(key);
    if (!segment || !this.url) return;
    const hearers = this.hearers.get(key) ?? [];
    this.waiting.delete(key);
    this.hearers.delete(key);
    this.going.add(key);
    this.sent.set(key, segment);
    const version = this.all.get(key)?.version ?? 0;
    const { series, lesion, slices, software, removed } = segment;
    const given = { series, lesion, slices, software, removed };
    const answer = await ask<Answer>(`${this.url}${key}/`, given, version);
    this.going.delete(key);
    this.sent.delete(key);
    if (answer.body.segment) this.all.set(key, answer.body.segment);
    this.told(answer.ok ? "" : (answer.body.detail ?? "What you painted is not stored yet. Check your connection."));
    if (answer.ok && answer.body.segment) this.stored(answer.body.segment);
    for (const hear of hearers) hear(answer.ok);
    if (this.waiting.has(key)) void this.send(key);
  }
}
