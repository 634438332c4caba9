// Reference lines: where the planes of other viewports cross this one.
import type { Triple } from "../manifest.ts";
import { add, cross, dot, length, minus, times } from "./vectors.ts";

/** Nearly parallel planes cross nowhere near. */
const CROSSING = 0.2;
/** Longer than any patient, mm. */
const FAR = 3000;

/** Two far points of the line in which two planes cross, near `around`; undefined where they hardly cross. */
export function crossing(
  a: { point: Triple; normal: Triple },
  b: { point: Triple; normal: Triple },
  around: Triple,
): [Triple, Triple] | undefined {
  const along = cross(a.normal, b.normal);
  const share = length(along);
  if (share < CROSSING) return undefined;
  const direction = times(along, 1 / share);
  // From `around`, go within plane a towards plane b.
  const onA = add(around, times(a.normal, dot(minus(a.point, around), a.normal)));
  const towards = cross(direction, a.normal);
  const away = dot(minus(b.point, onA), b.normal) / dot(towards, b.normal);
  const middle = add(onA, times(towards, away));
  return [add(middle, times(direction, FAR)), add(middle, times(direction, -FAR))];
}

const SVG = "http://www.w3.org/2000/svg";

/** Draw lines, given as ends on the screen, over a viewport. */
export function drawLines(host: HTMLElement, lines: [[number, number], [number, number]][]): void {
  let svg = host.querySelector<SVGSVGElement>("svg[data-lines]");
  if (!svg) {
    if (!lines.length) return;
    svg = document.createElementNS(SVG, "svg");
    svg.dataset.lines = "";
    svg.setAttribute("aria-hidden", "true");
    host.append(svg);
  }
  svg.replaceChildren(
    ...lines.map(([[x1, y1], [x2, y2]]) => {
      const line = document.createElementNS(SVG, "line");
      for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(name, value.toFixed(1));
      return line;
    }),
  );
}
