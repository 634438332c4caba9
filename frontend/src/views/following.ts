// Viewports in step: by the place in the patient where two series share one, else by a link that the reader made.
import type { Series, Triple } from "../manifest.ts";
import { axesOf } from "./grid.ts";
import { add, dot, minus, times } from "./vectors.ts";

/** What leads from a place in one series to the same place in another: LPS mm, or slices where there is no geometry. */
export interface Link {
  from: string;
  to: string;
  offset?: Triple;
  steps?: number;
}

/** Where a viewport stands: on a slice of a series, or on a plane through it. */
export interface Standing {
  series: Series;
  slice: number;
  point: Triple | undefined;
  normal: Triple | undefined;
}

/** Planes whose normals differ by less than 18 degrees show the same anatomy. */
const PARALLEL = 0.95;

/** Where a slice (from 1) of a stack stands. */
export function standingOf(series: Series, slice: number): Standing {
  return { series, slice, point: series.slices[slice - 1]?.[3] ?? undefined, normal: axesOf(series)?.[2] };
}

export const sharesSpace = (a: Series, b: Series): boolean => a.key === b.key || (a.space !== "" && a.space === b.space);

const parallel = (a: Standing, b: Standing): boolean =>
  Boolean(a.point && b.point && a.normal && b.normal) && Math.abs(dot(a.normal!, b.normal!)) >= PARALLEL;

/** The link between two series in the direction asked for, whichever way it was made. */
export function linkBetween(links: readonly Link[], from: string, to: string): Link | undefined {
  for (const link of links) {
    if (link.from === from && link.to === to) return link;
    if (link.from !== to || link.to !== from) continue;
    return {
      from,
      to,
      ...(link.offset && { offset: times(link.offset, -1) }),
      ...(link.steps !== undefined && { steps: -link.steps }),
    };
  }
  return undefined;
}

/** The link that says: what is shown in both now is the same place. */
export function linkHere(from: Standing, to: Standing): Link {
  const ends = { from: from.series.key, to: to.series.key };
  if (!parallel(from, to)) return { ...ends, steps: to.slice - from.slice };
  // Only along the normal: within the slice nothing was compared.
  const apart = dot(minus(to.point!, from.point!), from.normal!);
  return { ...ends, offset: times(from.normal!, apart) };
}

/** The link that holds until the reader makes one: both series begin at the same place. */
export function linkOfBeginnings(from: Series, to: Series): Link {
  return linkHere(standingOf(from, 1), standingOf(to, 1));
}

/** Where `to` goes when `from` stands where it does: a point to go to, or a slice; undefined where it does not follow. */
export function followed(
  from: Standing,
  to: Standing,
  links: readonly Link[],
): { point: Triple } | { slice: number } | undefined {
  const same = from.series.key === to.series.key;
  const own = same ? undefined : linkBetween(links, from.series.key, to.series.key);
  if (!own && sharesSpace(from.series, to.series) && from.point)
    return parallel(from, to) ? { point: from.point } : undefined;
  const link = own ?? linkOfBeginnings(from.series, to.series);
  if (link.offset) return from.point && parallel(from, to) ? { point: add(from.point, link.offset) } : undefined;
  return { slice: from.slice + (link.steps ?? 0) };
}

/** The slice (from 1) of a stack nearest to a point. */
export function nearestSliceTo(series: Series, point: Triple): number {
  const normal = axesOf(series)?.[2];
  if (!normal) return 1;
  let best = 1;
  let least = Infinity;
  series.slices.forEach((slice, n) => {
    const away = slice[3] ? Math.abs(dot(minus(point, slice[3]), normal)) : Infinity;
    if (away < least) [best, least] = [n + 1, away];
  });
  return best;
}

/** Links with one more, in place of what led between its two series before. */
export function withLink(links: readonly Link[], link: Link): Link[] {
  return [...withoutLink(links, link.from, link.to), link];
}

export function withoutLink(links: readonly Link[], a: string, b: string): Link[] {
  return links.filter(({ from, to }) => !((from === a && to === b) || (from === b && to === a)));
}
