// What a hand does on a picture when it draws nothing: one finger or the left button scrolls, two fingers zoom and move.
import * as lib from "./library.ts";

type Moved = lib.ToolTypes.EventTypes.InteractionEventType;
type Touched = lib.ToolTypes.EventTypes.TouchDragEventType;
type Spot = readonly [number, number];

export const NEAREST = 20;
export const FARTHEST = 0.25;

const draggers = new WeakMap<HTMLDivElement, (pixels: number) => void>();

/** Call back with the pixels that a plain drag goes down. */
export function onDrag(element: HTMLDivElement, tell: (pixels: number) => void): void {
  draggers.set(element, tell);
}

export class ScrollTool extends lib.BaseTool {
  static override toolName = "PxScroll";

  constructor(props: lib.ToolTypes.PublicToolProps = {}) {
    super(props, { supportedInteractionTypes: ["Mouse", "Touch"], configuration: {} });
  }

  mouseDragCallback(event: Moved): void {
    draggers.get(event.detail.element)?.(event.detail.deltaPoints.canvas[1]);
  }

  touchDragCallback(event: Moved): void {
    this.mouseDragCallback(event);
  }
}

/** Where a picture lies after two fingers moved: what was under their middle stays under it. */
export function pinched(zoom: number, pan: Spot, last: readonly [Spot, Spot], now: readonly [Spot, Spot], centre: Spot) {
  const apart = ([a, b]: readonly [Spot, Spot]): number => Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 1);
  const middle = ([a, b]: readonly [Spot, Spot], n: 0 | 1): number => (a[n] + b[n]) / 2 - centre[n];
  const ratio = Math.min(Math.max((zoom * apart(now)) / apart(last), FARTHEST), NEAREST) / zoom;
  const moved = (n: 0 | 1): number => middle(now, n) - (middle(last, n) - pan[n]) * ratio;
  return { zoom: zoom * ratio, pan: [moved(0), moved(1)] as [number, number] };
}

export class PinchTool extends lib.BaseTool {
  static override toolName = "PxPinch";

  constructor(props: lib.ToolTypes.PublicToolProps = {}) {
    super(props, { supportedInteractionTypes: ["Touch"], configuration: {} });
  }

  touchDragCallback(event: Touched): void {
    const { element, currentPointsList, lastPointsList } = event.detail;
    const viewport = lib.getEnabledElement(element)?.viewport;
    const spots = (list: typeof currentPointsList): [Spot, Spot] | undefined => {
      const [a, b] = list;
      return a && b && [a.canvas, b.canvas];
    };
    const [last, now] = [spots(lastPointsList), spots(currentPointsList)];
    if (!viewport || !last || !now) return;
    const centre = [element.clientWidth / 2, element.clientHeight / 2] as const;
    const to = pinched(viewport.getZoom(), viewport.getPan(), last, now, centre);
    viewport.setZoom(to.zoom);
    viewport.setPan(to.pan);
    viewport.render();
  }
}
