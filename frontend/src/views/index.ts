// Layouts, planes, links, cine and painting, put on a stage.
import { Bar } from "./bar.ts";
import { Brush } from "./brush.ts";
import { point } from "./pointing.ts";
import { probe } from "./probe.ts";
import { Regions } from "./regions.ts";
import type { Viewer } from "./viewer.ts";

export { Viewer } from "./viewer.ts";

/** Put the second row of controls on a page that has one, and pointers and values on each viewport. */
export function equip(viewer: Viewer): void {
  for (const cell of viewer.cells) {
    point(viewer, cell);
    probe(cell);
  }
  const bar = viewer.root.querySelector<HTMLElement>("[data-views-bar]");
  if (!bar) return;
  const brush = new Brush(viewer);
  viewer.regions = new Regions(viewer, brush);
  new Bar(viewer, brush, bar);
}
