// The engine as the rest of the viewer knows it; nothing outside this folder knows which library is underneath.
export { type Drawing, budget, start } from "./cornerstone.ts";
export { Feeder } from "./feeder.ts";
export { bytesOf, idsOf, register } from "./pictures.ts";
export { type Standing, StackView, type Window } from "./stack_view.ts";
