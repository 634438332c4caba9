// Reference lines of a layout: on each viewport, where the planes of the others cross it.
import { sharesSpace } from "./following.ts";
import { crossing, drawLines } from "./lines.ts";
import type { PlacedCell } from "./placed_cell.ts";

type Line = [[number, number], [number, number]];

export function drawCrossings(inSight: readonly PlacedCell[]): void {
  for (const cell of inSight)
    drawLines(cell.root, inSight.flatMap((other) => (other === cell ? [] : lineOf(cell, other))));
}

function lineOf(cell: PlacedCell, other: PlacedCell): Line[] {
  const [here, there] = [cell.standing, other.standing];
  const around = cell.middle;
  if (!here?.point || !here.normal || !there?.point || !there.normal || !around) return [];
  if (!sharesSpace(here.series, there.series) || other.face?.look.slab === Infinity) return [];
  const line = crossing({ point: here.point, normal: here.normal }, { point: there.point, normal: there.normal }, around);
  return line ? [line.map((end) => cell.camera.toScreen(end)) as Line] : [];
}
