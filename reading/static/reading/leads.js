// What leads to a picture on a page with a viewer: `data-go` names the series, `data-slice` the slice.
(() => {
  const root = document.querySelector("[data-stack]");
  if (!root?.stage) return;
  document.addEventListener("click", (event) => {
    const lead = event.target.closest("[data-go]");
    if (!lead) return;
    event.preventDefault();
    root.stage.go(lead.dataset.go, Number(lead.dataset.slice));
    root.scrollIntoView({ block: "nearest" });
    root.stage.active.root.focus({ preventScroll: true });
  });
})();
