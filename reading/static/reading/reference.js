// The page of a signed case: the reader's own marks, and over the same pictures those of the reference.
(() => {
  const { stage } = document.querySelector("[data-stack]");
  const marks = JSON.parse(document.getElementById("marks").textContent);
  const own = marks.filter((mark) => mark.of !== "reference");
  const reference = marks.filter((mark) => mark.of === "reference");
  const label = (mark) => mark.lesion?.label ?? "";
  stage.marking.take(own, label);
  // Paler, as what nobody can move any more.
  stage.marking.takeLocked(reference, (mark) => `Reference ${label(mark)}`.trim());
})();
