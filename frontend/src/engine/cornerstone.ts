// Cornerstone3D, set up once: how it renders, how much it may keep, which tools it knows. Only this folder knows it.
import * as lib from "./library.ts";

const MB = 1024 * 1024;

/** How pictures can be drawn here: by WebGL, by the processor alone, or not at all. */
export type Rendering = "webgl" | "cpu" | "none";

function rendering(): Rendering {
  const canvas = document.createElement("canvas");
  const gl = canvas.getContext("webgl2");
  gl?.getExtension("WEBGL_lose_context")?.loseContext(); // browsers allow a few contexts only
  if (gl) return "webgl";
  return document.createElement("canvas").getContext("2d") ? "cpu" : "none";
}

/** Bytes of pictures to hold: an eighth of the memory that the browser tells, within reason. */
export function budget(): number {
  const told = (navigator as { deviceMemory?: number }).deviceMemory ?? 4;
  return Math.min(Math.max((told * 1024) / 8, 256), 768) * MB;
}

let started: Rendering | undefined;

/** Start the engine; tells how pictures are drawn. */
export function start(): Rendering {
  if (started) return started;
  started = rendering();
  if (started === "none") return started;
  lib.utilities.logger.coreLog.setLevel("error");
  // The pages' policy allows no blob: addresses, which drawn cursors would be.
  lib.Settings.getRuntimeSettings().set("useCursors", false);
  lib.init({ rendering: { useCPURendering: started === "cpu" }, debug: {} });
  lib.cache.setMaxCacheSize(budget() * 1.25); // ours is the tighter limit: see prefetch
  lib.initTools();
  return started;
}
