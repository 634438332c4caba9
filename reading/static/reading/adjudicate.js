// The adjudication page: a lesion of either side brings both viewports to the slice on which it was measured.
(() => {
  const root = document.querySelector("[data-stack]");
  root.addEventListener("click", (event) => {
    const go = event.target.closest("[data-go]");
    if (!go) return;
    const sides = [...root.querySelectorAll(".px-side")];
    root.stage.go(go.dataset.go, Number(go.dataset.slice), root.stage.views[sides.indexOf(go.closest(".px-side"))]);
  });
})();
