// The pointer on planes: a point taken there brings the other planes to it; with Shift or another button it pans.
import type { PlacedCell } from "./placed_cell.ts";
import type { Viewer } from "./viewer.ts";

export function point(viewer: Viewer, cell: PlacedCell): void {
  let drags: "jump" | "pan" | undefined;
  const jump = (event: PointerEvent): void => {
    const box = cell.root.getBoundingClientRect();
    const place = cell.face?.toPatient(event.clientX - box.left, event.clientY - box.top);
    if (place) viewer.jump(place, cell);
  };
  cell.root.addEventListener("contextmenu", (event) => cell.face && event.preventDefault());
  cell.root.addEventListener("pointerdown", (event) => {
    if (!cell.face) return;
    drags = event.button || event.shiftKey ? "pan" : "jump";
    cell.root.setPointerCapture(event.pointerId);
    if (drags === "jump") jump(event);
  });
  cell.root.addEventListener("pointermove", (event) => {
    if (!cell.face || !drags) return;
    if (drags === "jump") jump(event);
    else cell.face.panBy(event.movementX, event.movementY);
  });
  for (const type of ["pointerup", "pointercancel"] as const)
    cell.root.addEventListener(type, () => {
      drags = undefined;
    });
}
