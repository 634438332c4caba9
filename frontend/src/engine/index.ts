// The engine as the rest of the viewer knows it; nothing outside this folder knows which library is underneath.
export { type Rendering, budget, start } from "./cornerstone.ts";
export { type Drag, Drawing, type Drawn, isDrawable, type Under } from "./drawing.ts";
export { Feeder } from "./feeder.ts";
export { onDrag } from "./hands.ts";
export { bytesOf, idOf, idsOf, register } from "./pictures.ts";
export { heldValues, loadValues } from "./voxels.ts";
export { type Standing, StackView, type Window } from "./stack_view.ts";
