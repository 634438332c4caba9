// The pages of an adjudication and of a global review: a lesion of either side brings both viewports to the slice on which it was measured; the marks
// of each side lie on its own viewport, and each is shown as its reader saw it when that is asked for.
(() => {
  const root = document.querySelector("[data-stack]");
  const { stage } = root;
  const sides = [...root.querySelectorAll(".px-side")];
  const marks = JSON.parse(document.getElementById("marks").textContent);
  const drawn = sides.map(({ dataset }) => marks[dataset.marks]);
  drawn.forEach((side, n) => stage.marking.take(side, (mark) => mark.lesion?.label ?? "", stage.views[n]));
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-go], [data-show]");
    if (!button) return;
    const n = sides.indexOf(button.closest(".px-side"));
    if (button.dataset.show) stage.show(drawn[n].find(({ key }) => key === button.dataset.show), stage.views[n]);
    else stage.go(button.dataset.go, Number(button.dataset.slice), stage.views[n]);
  });
})();
