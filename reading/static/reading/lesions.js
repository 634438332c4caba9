// Lesion by lesion: keys and buttons that go through a read's lesions and take the pictures to each.
(() => {
  const form = document.querySelector("#read[data-read]");
  if (!form) return; // signed, or on hold: to look at only
  const stage = document.querySelector("[data-stack]").stage;
  const rows = () => [...form.querySelectorAll("[data-lesion]")].filter((row) => !row.hidden);
  const priors = (row) => [...row.querySelectorAll(".rd-prior [data-go]")];
  const goTo = ({ dataset }) => stage.go(dataset.go, Number(dataset.slice));
  let chosen = null;

  function choose(row) {
    chosen?.removeAttribute("aria-current");
    chosen = row;
    row.setAttribute("aria-current", "true");
  }

  /** Take the pictures to a lesion: where it was last time, and beside it where it was measured now. */
  function show(row) {
    const prior = priors(row).at(-1);
    const here = row.querySelector("[data-stamped]:not([hidden])");
    const { linked } = stage;
    // Each viewport goes to its own slice, and from there on they move in step; what is not measured yet is looked for
    // where it was.
    if (here) stage.linked = false;
    if (prior) goTo(prior);
    if (here) goTo(here);
    stage.linked = linked;
    stage.activate(stage.views.at(-1));
  }

  function walk(by) {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(chosen);
    choose(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length]);
    chosen.scrollIntoView({ block: "nearest" });
    show(chosen);
  }

  function earlier(button) {
    const beside = !stage.views[0].shown;
    if (!beside) stage.compare(false);
    else if (chosen && priors(chosen).length) show(chosen);
    else stage.compare(true);
    button.setAttribute("aria-pressed", String(beside));
  }

  form.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-lesion]");
    if (row) choose(row);
  });

  // What is entered of a lesion is kept by itself: Enter leads back to the pictures, and their keys, and signs nothing.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    if (event.defaultPrevented || !event.target.matches("[data-lesion] :is(select, input)")) return;
    event.preventDefault();
    stage.active?.root.focus({ preventScroll: true });
  });

  form.addEventListener("click", (event) => {
    const label = event.target.closest("[data-label]");
    if (label) {
      choose(label.closest("[data-lesion]"));
      show(chosen);
    }
    const button = event.target.closest("[data-walk], [data-walk-measure], [data-walk-state], [data-walk-earlier], [data-walk-region]");
    if (!button) return;
    if (button.dataset.walk) walk(Number(button.dataset.walk));
    else if ("walkEarlier" in button.dataset) earlier(button);
    else if (!chosen?.isConnected || chosen.hidden) walk(1);
    else if ("walkRegion" in button.dataset) form.draft.useRegion(chosen);
    else if ("walkMeasure" in button.dataset) chosen.querySelector("[data-measure]").click();
    else chosen.querySelector("select[name$='-state']")?.focus();
  });
})();
