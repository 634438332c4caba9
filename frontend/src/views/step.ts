// Viewports in step: who follows whom, and the links that the reader makes between their stacks.
import { followed, linkHere, sharesSpace, type Link } from "./following.ts";
import { Links } from "./links.ts";
import type { PlacedCell } from "./placed_cell.ts";

export class Steps {
  private readonly links: Links;
  private readonly inSight: () => readonly PlacedCell[];

  constructor(links: Links, inSight: () => readonly PlacedCell[]) {
    this.links = links;
    this.inSight = inSight;
  }

  /** Let viewports go where one is: all the others in sight, or those named. A body that turns neither leads nor follows. */
  bring(cell: PlacedCell, others: readonly PlacedCell[] = this.inSight().filter((other) => other !== cell)): void {
    const from = cell.standing;
    if (cell.turns) return;
    for (const other of others) {
      const to = other.standing;
      const goes = from && to && !other.turns && followed(from, to, this.links.all);
      if (!goes) continue;
      other.direction = cell.direction;
      if ("point" in goes) other.goTo(goes.point);
      else other.set(goes.slice);
    }
  }

  /** What is in sight counts as the same place until the page is left. */
  pass(cell: PlacedCell): void {
    this.links.pass(this.linksFrom(cell));
  }

  /** What is in sight is the same place: kept with the read. */
  async link(cell: PlacedCell): Promise<void> {
    await this.links.add(this.linksFrom(cell, true));
  }

  async unlink({ series }: PlacedCell): Promise<void> {
    const pairs = this.inSight().flatMap((cell) => (series && cell.series ? [[series.key, cell.series.key] as const] : []));
    await this.links.remove(pairs);
  }

  /** Whether a viewport is linked to another in sight by the reader's own link. */
  holds({ series }: PlacedCell): boolean {
    return this.inSight().some((cell) => series && cell.series && this.links.holds(series.key, cell.series.key));
  }

  private linksFrom(cell: PlacedCell, any = false): Link[] {
    const from = cell.standing;
    return this.inSight().flatMap((other) => {
      const to = other.standing;
      if (!from || !to || other === cell || from.series.key === to.series.key) return [];
      return any || !sharesSpace(from.series, to.series) ? [linkHere(from, to)] : [];
    });
  }
}
