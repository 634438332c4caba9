// The links that the reader made between stacks: kept by the house, and those that hold on this page only.
import { ask } from "./request.ts";
import { linkBetween, withLink, withoutLink, type Link } from "./following.ts";

interface Told {
  version: number;
  links: Link[];
}

export class Links {
  private readonly url: string | null;
  private readonly problem: (sentence: string) => void;
  private version = 0;
  private kept: Link[] = [];
  private passing: Link[] = [];

  constructor(url: string | null, problem: (sentence: string) => void, made: readonly Link[] = []) {
    this.url = url;
    this.kept = [...made];
    this.problem = problem;
  }

  get all(): Link[] {
    const free = this.passing.filter(({ from, to }) => !linkBetween(this.kept, from, to));
    return [...this.kept, ...free];
  }

  /** Whether the reader linked two series. */
  holds(a: string, b: string): boolean {
    return Boolean(linkBetween(this.kept, a, b));
  }

  async load(): Promise<void> {
    if (!this.url) return;
    const answer = await ask<Told>(this.url);
    if (answer.ok) this.take(answer.body);
  }

  /** Hold links until the page is left, unless the reader has made others. */
  pass(links: readonly Link[]): void {
    for (const link of links) this.passing = withLink(this.passing, link);
  }

  async add(links: readonly Link[]): Promise<void> {
    await this.put(links.reduce<Link[]>(withLink, this.kept));
  }

  async remove(pairs: readonly (readonly [string, string])[]): Promise<void> {
    for (const [a, b] of pairs) this.passing = withoutLink(this.passing, a, b);
    await this.put(pairs.reduce<Link[]>((links, [a, b]) => withoutLink(links, a, b), this.kept));
  }

  // What is linked holds at once; if the house has another version, that one holds.
  private async put(links: Link[]): Promise<void> {
    this.kept = links;
    if (!this.url) return;
    const answer = await ask<Told>(this.url, { links }, this.version);
    if (answer.body.links) this.take(answer.body);
    if (!answer.ok) this.problem(answer.body.detail ?? "The links could not be stored. Check your connection.");
  }

  private take({ version, links }: Told): void {
    this.version = version;
    this.kept = links;
  }
}
