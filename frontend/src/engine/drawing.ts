// What may be drawn on pictures, and with which hand: the tools, their bindings, and marks as points in the patient.
import type { ToolName, Triple } from "../manifest.ts";
import { POINTS } from "../mark.ts";
import { FARTHEST, NEAREST, PinchTool, ScrollTool } from "./hands.ts";
import { linesOf } from "./lines.ts";
import * as lib from "./library.ts";
import { pictureOf } from "./pictures.ts";

const GROUP = "px";
const { Events, MouseBindings } = lib.ToolEnums;
const TOOLS = {
  length: lib.LengthTool,
  bidirectional: lib.BidirectionalTool,
  ellipse: lib.EllipticalROITool,
  freehand: lib.PlanarFreehandROITool,
  angle: lib.AngleTool,
  point: lib.ProbeTool,
} as const;
type Drawable = keyof typeof TOOLS;
const PRIMARY = [{ mouseButton: MouseBindings.Primary }, { numTouchPoints: 1 }];
const OPTIONS: Partial<Record<Drawable, object>> = {
  freehand: { allowOpenContours: false, decimate: { enabled: true, epsilon: 0.1 } }, // an outline, not every pixel of it
};
const COLOURS = {
  color: "rgb(255, 210, 138)",
  colorHighlighted: "rgb(143, 224, 242)",
  colorSelected: "rgb(255, 210, 138)",
  textBoxColor: "rgb(255, 210, 138)",
  textBoxColorHighlighted: "rgb(143, 224, 242)",
  textBoxColorSelected: "rgb(255, 210, 138)",
  // What is signed is paler than what can still be moved.
  colorLocked: "rgb(190, 200, 206)",
  textBoxColorLocked: "rgb(190, 200, 206)",
  textBoxFontFamily: "Inter, system-ui, sans-serif",
  textBoxFontSize: "13px",
  lineWidth: "1.5",
};

/** A mark on the screen. */
export interface Drawn {
  key: string;
  tool: Drawable;
  series: string;
  slice: number;
  points: Triple[];
}

/** How near the pointer must be to a mark to be on it, pixels: what Cornerstone takes. */
const NEAR_PX = 6;

/** A mark under the pointer: one that can be grasped, or one that stays as it is. */
export type Under = "movable" | "locked";

export const isDrawable = (tool: ToolName): tool is Drawable => tool in TOOLS;

// --- the tools -----------------------------------------------------------------------------------------------------
export type Drag = "scroll" | "window" | Drawable;

export class Drawing {
  private readonly group: lib.ToolTypes.IToolGroup;
  private readonly names: Drawable[];
  /** What may be drawn with, and so grasped. */
  private readonly tools: ReadonlySet<ToolName>;
  private readonly edited = new Set<string>();
  /** Marks that one viewport alone shows, by their keys: of two assessments each has its own. */
  private readonly only = new Map<string, HTMLDivElement>();
  private hand: Drag = "scroll";
  /** Called with a mark that was drawn, and with one whose points were moved, once the hand lets go. */
  onMade: (drawn: Drawn) => void = () => {};
  onEdited: (drawn: Drawn) => void = () => {};

  constructor(tools: readonly ToolName[], windowsLocked: boolean) {
    const group = lib.ToolGroupManager.createToolGroup(GROUP);
    if (!group) throw new Error("The page has one stage only.");
    this.group = group;
    const styles = lib.annotation.config.style;
    styles.setDefaultToolStyles({ ...styles.getDefaultToolStyles(), global: { ...styles.getDefaultToolStyles()?.global, ...COLOURS } });
    // Also a tool that may not be drawn with shows what was drawn with it.
    this.names = Object.keys(TOOLS) as Drawable[];
    this.tools = new Set(tools);
    for (const name of this.names) {
      lib.addTool(TOOLS[name]);
      group.addTool(TOOLS[name].toolName, { getTextLines: linesOf(name, valueAt), ...OPTIONS[name] });
      this.part(group.getToolInstance(TOOLS[name].toolName) as lib.AnnotationTool);
      // Passive: handles can be grasped. Enabled: marks are looked at; a locked mark that can be grasped at all would,
      // when dragged, draw a new one on top.
      if (this.tools.has(name)) group.setToolPassive(TOOLS[name].toolName);
      else group.setToolEnabled(TOOLS[name].toolName);
    }
    for (const tool of [ScrollTool, PinchTool, lib.PanTool, lib.ZoomTool]) {
      lib.addTool(tool);
      group.addTool(tool.toolName, { minZoomScale: FARTHEST, maxZoomScale: NEAREST });
    }
    group.setToolActive(ScrollTool.toolName, { bindings: PRIMARY });
    group.setToolActive(lib.PanTool.toolName, { bindings: [{ mouseButton: MouseBindings.Auxiliary }] });
    group.setToolActive(lib.ZoomTool.toolName, { bindings: [{ mouseButton: MouseBindings.Secondary }] });
    group.setToolActive(PinchTool.toolName, { bindings: [{ numTouchPoints: 2 }] });
    if (!windowsLocked) {
      lib.addTool(lib.WindowLevelTool);
      group.addTool(lib.WindowLevelTool.toolName);
    }
    this.listen();
  }

  private part(tool: lib.AnnotationTool): void {
    const { filterInteractableAnnotationsForElement: inSight } = tool;
    tool.filterInteractableAnnotationsForElement = (element, annotations) =>
      inSight.call(tool, element, annotations)?.filter(({ annotationUID: key }) => {
        const place = key && this.only.get(key);
        return !place || place === element;
      });
  }

  private listen(): void {
    const of = (event: CustomEvent<{ annotation: lib.ToolTypes.Annotation }>) => drawnOf(event.detail.annotation);
    lib.eventTarget.addEventListener(Events.ANNOTATION_COMPLETED, (event: CustomEvent) => {
      const drawn = of(event);
      if (drawn) this.onMade(drawn);
    });
    lib.eventTarget.addEventListener(Events.ANNOTATION_MODIFIED, (event: CustomEvent) => {
      const drawn = of(event);
      if (drawn) this.edited.add(drawn.key);
    });
    // An edit is told once, when the hand lets go: it changes with every move.
    const released = (): void => {
      const keys = [...this.edited];
      this.edited.clear();
      for (const key of keys) {
        const drawn = this.find(key);
        if (drawn) this.onEdited(drawn);
      }
    };
    for (const type of ["pointerup", "pointercancel", "touchend"])
      window.addEventListener(type, () => setTimeout(released, 0));
  }

  join(viewportId: string, engineId: string): void {
    this.group.addViewport(viewportId, engineId);
  }

  /** What the left button or one finger does from now on. */
  use(hand: Drag): void {
    const nameOf = (each: Drag): string =>
      each === "scroll" ? ScrollTool.toolName : each === "window" ? lib.WindowLevelTool.toolName : TOOLS[each].toolName;
    this.group.setToolPassive(nameOf(this.hand), { removeAllBindings: true });
    this.group.setToolActive(nameOf(hand), { bindings: PRIMARY });
    this.hand = hand;
  }

  /** Whether a mark is being drawn or moved. */
  get busy(): boolean {
    return this.edited.size > 0;
  }

  /** Keys of the marks that were clicked last. */
  get selected(): string[] {
    return lib.annotation.selection.getAnnotationsSelected();
  }

  get using(): Drag {
    return this.hand;
  }

  /** Let go of what is being drawn or moved, and take away a mark that was not finished. */
  cancel(element: HTMLDivElement, isKnown: (key: string) => boolean): void {
    const { onMade } = this;
    this.onMade = () => {}; // Cornerstone calls a mark that is let go of complete
    lib.cancelActiveManipulations(element);
    this.onMade = onMade;
    this.edited.clear();
    for (const { annotationUID: key } of lib.annotation.state.getAllAnnotations())
      if (key && !isKnown(key)) this.remove(key);
  }

  // --- marks ---------------------------------------------------------------------------------------------------
  find(key: string): Drawn | undefined {
    const found = lib.annotation.state.getAnnotation(key);
    return found && drawnOf(found);
  }

  /**
   * Put a mark on its picture, or move it to where its points say; `only`: the one viewport that shows it; `locked`: it
   * cannot be grasped.
   */
  put(drawn: Drawn, label: string, pictureId: string, { only, locked }: { only?: HTMLDivElement | undefined; locked?: boolean } = {}): void {
    if (only) this.only.set(drawn.key, only);
    const found = lib.annotation.state.getAnnotation(drawn.key);
    if (found) lib.annotation.state.removeAnnotation(drawn.key);
    const made = annotationOf(drawn, label, pictureId);
    const { frameOfReferenceUID } = lib.metaData.get("imagePlaneModule", pictureId) as { frameOfReferenceUID: string };
    lib.annotation.state.addAnnotation(made, frameOfReferenceUID);
    lib.annotation.locking.setAnnotationLocked(drawn.key, Boolean(locked));
    this.render();
  }

  /** What lies under a place of a viewport (CSS pixels from its corner). */
  under(element: HTMLDivElement, spot: readonly [number, number]): Under | undefined {
    let found: Under | undefined;
    for (const name of this.names) {
      const { toolName } = TOOLS[name];
      const tool = this.group.getToolInstance(toolName) as lib.AnnotationTool;
      const there = lib.annotation.state.getAnnotations(toolName, element);
      for (const each of tool.filterInteractableAnnotationsForElement(element, there) ?? []) {
        if (!tool.isPointNearTool(element, each, [...spot], NEAR_PX, "mouse")) continue;
        if (lib.annotation.locking.isAnnotationLocked(each.annotationUID ?? "")) found = "locked";
        else if (this.tools.has(name)) return "movable";
      }
    }
    return found;
  }

  remove(key: string): void {
    lib.annotation.state.removeAnnotation(key);
    this.render();
  }

  private render(): void {
    lib.toolUtilities.triggerAnnotationRenderForViewportIds(this.group.getViewportIds());
  }
}

/** The value of a stack's picture: Cornerstone's own probe looks for it beyond the picture. */
function valueAt(target: string, [column, row]: readonly number[]): number | number[] | undefined {
  const image = lib.cache.getImage(target.replace(/^imageId:/, ""));
  return image?.voxelManager?.getAtIJKPoint([column ?? 0, row ?? 0, 0]) as number | number[] | undefined;
}

// --- between Cornerstone's annotations and points ----------------------------------------------------------------
function drawnOf(annotation: lib.ToolTypes.Annotation): Drawn | undefined {
  const { annotationUID: key, metadata, data } = annotation;
  if (!key || !metadata) return undefined;
  const tool = (Object.keys(TOOLS) as Drawable[]).find((name) => TOOLS[name].toolName === metadata.toolName);
  const picture = metadata.referencedImageId && pictureOf(metadata.referencedImageId);
  if (!tool || !picture) return undefined;
  const points = (tool === "freehand" ? data.contour?.polyline : data.handles?.points) ?? [];
  return {
    key,
    tool,
    series: picture.series.key,
    slice: picture.slice,
    points: points.map(([x, y, z]) => [x, y, z] as Triple),
  };
}

function annotationOf({ key, tool, points }: Drawn, label: string, pictureId: string): lib.ToolTypes.Annotation {
  const plane = lib.metaData.get("imagePlaneModule", pictureId) as {
    frameOfReferenceUID: string;
    rowCosines: Triple;
    columnCosines: Triple;
  };
  const { rowCosines: [a, b, c], columnCosines: [d, e, f] } = plane;
  const freehand = tool === "freehand";
  return {
    annotationUID: key,
    highlighted: false,
    invalidated: true,
    isLocked: false,
    isVisible: true,
    metadata: {
      toolName: TOOLS[tool].toolName,
      FrameOfReferenceUID: plane.frameOfReferenceUID,
      referencedImageId: pictureId,
      viewPlaneNormal: [-(b * f - c * e), -(c * d - a * f), -(a * e - b * d)],
      viewUp: [-d, -e, -f],
    },
    data: {
      label,
      cachedStats: {},
      handles: {
        points: freehand ? [] : points.slice(0, POINTS[tool]),
        activeHandleIndex: null,
        textBox: {
          hasMoved: false,
          worldPosition: [0, 0, 0],
          worldBoundingBox: { topLeft: [0, 0, 0], topRight: [0, 0, 0], bottomLeft: [0, 0, 0], bottomRight: [0, 0, 0] },
        },
      },
      ...(freehand ? { contour: { polyline: points, closed: true } } : {}),
    },
  } as lib.ToolTypes.Annotation;
}
