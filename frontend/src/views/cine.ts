// Cine: slices or frames one after the other, at the pace of their recording or as the reader sets it.

const USUAL_MS = 100;
const LEAST_MS = 20;
const MOST_MS = 2000;
/** How much faster or slower one step of the speed is. */
const STEP = 1.25;

/** What is played: how many pictures there are, which is shown, and whether it is there in full. */
export interface Player {
  readonly count: number;
  readonly n: number;
  readonly settled: boolean;
  readonly pace: number | null;
  go(n: number): void;
}

export class Cine {
  private player: Player | undefined;
  private timer = 0;
  private factor = 1;
  private readonly told: () => void;

  constructor(told: () => void) {
    this.told = told;
  }

  get plays(): boolean {
    return this.player !== undefined;
  }

  /** Pictures a second. */
  get rate(): number {
    return Math.round(10_000 / this.wait) / 10;
  }

  private get wait(): number {
    return Math.min(Math.max((this.player?.pace ?? USUAL_MS) / this.factor, LEAST_MS), MOST_MS);
  }

  play(player: Player): void {
    this.stop();
    if (player.count < 2) return;
    this.player = player;
    this.next();
    this.told();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.player = undefined;
    this.told();
  }

  faster(by: 1 | -1): void {
    this.factor *= STEP ** by;
    this.told();
  }

  // A picture that is still on its way is waited for: none is left out.
  private next(): void {
    this.timer = window.setTimeout(() => {
      const { player } = this;
      if (!player) return;
      if (player.settled) player.go((player.n % player.count) + 1);
      this.next();
    }, this.wait);
  }
}
