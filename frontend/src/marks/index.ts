// Joins a stage to the server's marks: shows those that are stored, and keeps what is drawn.
import type { Mark } from "../mark.ts";
import type { Stage } from "../stage.ts";
import { Store } from "./store.ts";

declare const parallax: {
  csrf(): string;
  confirmed(text: string, label: string): Promise<boolean>;
};

const STALE =
  "This mark was changed in another window. Keep what you drew here, or cancel to take what is stored?";

/** After a while, or when the network is back. */
function wait(milliseconds: number): Promise<void> {
  return new Promise((done) => {
    const on = (): void => {
      clearTimeout(timer);
      removeEventListener("online", on);
      done();
    };
    const timer = setTimeout(on, milliseconds);
    addEventListener("online", on);
  });
}

/** Resolves when the stored marks are shown. */
export async function keepMarks(stage: Stage, url: string): Promise<void> {
  const choose = async (): Promise<"mine" | "stored"> =>
    (await parallax.confirmed(STALE, "Keep mine")) ? "mine" : "stored";
  const store = new Store(url, choose, {
    fetch: (...asked) => fetch(...asked),
    csrf: () => parallax.csrf(),
    wait,
    told: (waiting, lost) => {
      stage.root.dataset.sending = String(waiting);
      stage.tell("px:saving", { waiting, lost });
    },
  });
  stage.marking.keeper = store;
  try {
    const { marks, earlier } = await store.load();
    const label = (mark: Mark): string => mark.lesion?.label ?? "";
    stage.marking.takeLocked(earlier, label);
    stage.marking.take(marks, label);
    stage.tell("px:marks", { marks, earlier });
    stage.root.dataset.marks = String(marks.length);
  } catch (problem) {
    stage.tell("px:problem", { sentence: problem instanceof Error ? problem.message : String(problem) });
  }
}
