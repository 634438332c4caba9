// The viewer of a page: one stage for each element that names a manifest (`data-stack="<id of the JSON script>"`).
import { Controls } from "./controls.ts";
import { start } from "./engine/index.ts";
import { manifestOf } from "./manifest.ts";
import { keepMarks } from "./marks/index.ts";
import { equip, Viewer } from "./views/index.ts";

const NEITHER =
  "This browser can draw no pictures: neither WebGL nor a canvas is there. Open the page in a current browser.";

/** In place of a stage, so that the form beside it can still be filled in, saved and signed. */
const BLANK = {
  views: [],
  manifest: { tools: [] },
  marking: { take: () => {}, remove: () => Promise.resolve() },
  ready: Promise.resolve(),
  here: () => null,
  place: () => null,
  go: () => {},
  mark: () => {},
  marks: () => [],
  measure: () => Promise.reject(new Error(NEITHER)),
  show: () => Promise.resolve(),
};

for (const root of document.querySelectorAll<HTMLElement>("[data-stack]")) {
  if (start() === "none") {
    for (const place of root.querySelectorAll("[data-problem], [data-place]")) place.textContent = NEITHER;
    Object.assign(root, { stage: BLANK });
    continue;
  }
  const stage = new Viewer(root, manifestOf(root.dataset.stack as string));
  new Controls(stage);
  equip(stage);
  Object.assign(root, { stage });
  if (stage.manifest.marks_url) void keepMarks(stage, stage.manifest.marks_url);
  stage.draw();
}
