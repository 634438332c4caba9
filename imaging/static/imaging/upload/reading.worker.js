// Reads files beside the page, so that it stays alive: {task: "look" | "digest", files} is answered in their order.

import { digest } from "./digest.js";
import { look } from "./looking.js";

const TASKS = { look, digest };
// So many at a time: disks and network drives answer several questions at once.
const AT_ONCE = 4;

self.addEventListener("message", async ({ data: { id, task, files } }) => {
  const answers = [];
  let next = 0;
  const lane = async () => {
    while (next < files.length) {
      const at = next++;
      answers[at] = await TASKS[task](files[at]).catch(() => ({ kind: "unreadable" }));
      self.postMessage({ id, bytes: files[at].size });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  self.postMessage({ id, answers });
});
