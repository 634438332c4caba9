// Which pictures to hold ready: those around what is shown, the nearest first, and no more than memory allows.

/** A stack on the screen: the pictures' ids, their size in bytes, the one shown (from 0), the way it was scrolled. */
export interface Shown {
  ids: readonly string[];
  bytes: number;
  at: number;
  direction: 1 | -1;
}

/** Ahead is where the reader is going: two pictures ahead are as near as one behind. */
const BEHIND = 2;

/** Return the ids worth holding, the most urgent first, cut where the budget in bytes ends. */
export function wanted(shown: readonly Shown[], budget: number): string[] {
  const ranked: { id: string; bytes: number; distance: number }[] = [];
  for (const { ids, bytes, at, direction } of shown)
    ids.forEach((id, n) => {
      const ahead = (n - at) * direction;
      ranked.push({ id, bytes, distance: ahead >= 0 ? ahead : -ahead * BEHIND });
    });
  ranked.sort((a, b) => a.distance - b.distance);
  const held = new Set<string>();
  let used = 0;
  for (const { id, bytes } of ranked) {
    if (held.has(id)) continue;
    if (used + bytes > budget) break;
    used += bytes;
    held.add(id);
  }
  return [...held];
}
