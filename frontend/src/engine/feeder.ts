// Keeps the pictures around what is shown ready, within the memory budget: the nearest come first, far ones go.
import * as lib from "./library.ts";
import { wanted, type Shown } from "./prefetch.ts";

const { cache, Enums, eventTarget, imageLoader } = lib;

/** Requests under way: fewer than the six a browser allows, so that a slice the reader jumps to does not wait. */
const AT_ONCE = 4;

export class Feeder {
  private queue: string[] = [];
  private keep = new Set<string>();
  private readonly going = new Set<string>();
  private readonly failed = new Set<string>();
  private readonly loaded = new Set<string>();
  private readonly budget: number;
  private readonly told: (loaded: number, of: number) => void;

  constructor(budget: number, told: (loaded: number, of: number) => void) {
    this.budget = budget;
    this.told = told;
    eventTarget.addEventListener(Enums.Events.IMAGE_CACHE_IMAGE_ADDED, ({ detail }: CustomEvent<{ image: { imageId: string } }>) => {
      this.loaded.add(detail.image.imageId);
    });
    eventTarget.addEventListener(Enums.Events.IMAGE_CACHE_IMAGE_REMOVED, ({ detail }: CustomEvent<{ imageId: string }>) => {
      this.loaded.delete(detail.imageId);
    });
  }

  /** What is on the screen now. */
  show(shown: readonly Shown[]): void {
    this.queue = wanted(shown, this.budget);
    this.keep = new Set(this.queue);
    this.failed.clear();
    this.evict();
    this.pump();
  }

  // Pictures that make up a volume stay: the volume would lose them.
  private evict(): void {
    if (cache.getCacheSize() <= this.budget) return;
    const shared = new Set(cache.getVolumes().flatMap((volume) => volume.imageIds));
    for (const id of this.loaded) if (!this.keep.has(id) && !shared.has(id)) cache.removeImageLoadObject(id);
  }

  private pump(): void {
    this.report();
    while (this.going.size < AT_ONCE) {
      const next = this.queue.find((id) => !cache.isLoaded(id) && !this.going.has(id) && !this.failed.has(id));
      if (!next) return;
      this.going.add(next);
      imageLoader
        .loadAndCacheImage(next)
        .catch(() => this.failed.add(next))
        .finally(() => {
          this.going.delete(next);
          this.evict();
          this.pump();
        });
    }
  }

  private report(): void {
    this.told(this.queue.filter((id) => cache.isLoaded(id)).length, this.queue.length);
  }
}
