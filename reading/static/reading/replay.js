// The replay page: the marks as they were signed, and the viewport that their reader had when each was drawn.
(() => {
  const root = document.querySelector("[data-stack]");
  const { stage } = root;
  const marks = JSON.parse(document.getElementById("marks").textContent);
  stage.marking.take(marks, (mark) => mark.lesion?.label ?? "");
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-show]");
    if (!button) return;
    const mark = marks.find(({ key }) => key === button.dataset.show);
    await stage.show(mark);
    for (const other of document.querySelectorAll("[data-show]")) other.setAttribute("aria-pressed", other === button);
    const { slice, window, zoom } = stage.view();
    const through = window ? `, centre ${window[0]}, width ${window[1]}` : "";
    document.querySelector("[data-seen]").textContent = `As the reader saw it: slice ${slice}${through}, zoom ${zoom.toFixed(2)}.`;
  });
})();
