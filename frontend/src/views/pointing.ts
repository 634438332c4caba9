// The pointer on planes: a point taken there brings the other planes to it; with Shift or another button it pans. What
// shows the whole body turns with a drag, and a click takes the brightest point behind it.
import type { Triple } from "../manifest.ts";
import type { PlacedCell } from "./placed_cell.ts";
import type { Viewer } from "./viewer.ts";

/** Pixels of a drag for one step of a turn, and those that are still a click. */
const TURN_PX = 5;
const STILL_PX = 4;

export function point(viewer: Viewer, cell: PlacedCell): void {
  let drags: "jump" | "pan" | "turn" | undefined;
  let from = { x: 0, y: 0, n: 1 };
  let moved = false;
  let pressed: Triple | undefined;
  const under = (event: PointerEvent): Triple | undefined => {
    const box = cell.root.getBoundingClientRect();
    return cell.face?.toPatient(event.clientX - box.left, event.clientY - box.top);
  };
  const jump = (place: Triple | undefined): void => {
    if (place) viewer.jump(place, cell);
  };
  const turn = ({ clientX, clientY }: PointerEvent): void => {
    moved ||= Math.hypot(clientX - from.x, clientY - from.y) > STILL_PX;
    const n = from.n - Math.round((clientX - from.x) / TURN_PX);
    if (moved && n !== cell.n) viewer.move(cell, n);
  };
  cell.root.addEventListener("contextmenu", (event) => cell.face && event.preventDefault());
  // What is meant is what lay there when the hand came down, before anything of the page could make room.
  const press = (event: PointerEvent): void => {
    pressed = under(event);
  };
  cell.root.addEventListener("pointerdown", press, { capture: true });
  cell.root.addEventListener("pointerdown", (event) => {
    if (!cell.face) return;
    drags = event.button || event.shiftKey ? "pan" : cell.turns ? "turn" : "jump";
    from = { x: event.clientX, y: event.clientY, n: cell.n };
    moved = false;
    cell.root.setPointerCapture(event.pointerId);
    if (drags === "jump") jump(pressed);
  });
  cell.root.addEventListener("pointermove", (event) => {
    if (!cell.face || !drags) return;
    if (drags === "jump") jump(under(event));
    else if (drags === "turn") turn(event);
    else cell.face.panBy(event.movementX, event.movementY);
  });
  cell.root.addEventListener("pointerup", () => {
    if (drags === "turn" && !moved) jump(pressed);
  });
  for (const type of ["pointerup", "pointercancel"] as const)
    cell.root.addEventListener(type, () => {
      drags = undefined;
    });
}
