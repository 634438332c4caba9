// The replay page: a lesion as it was signed brings its slice into view.
(() => {
  const { stage } = document.querySelector("[data-stack]");
  document.querySelector(".px-panel").addEventListener("click", (event) => {
    const go = event.target.closest("[data-go]");
    if (go) stage.go(go.dataset.go, Number(go.dataset.slice));
  });
})();
