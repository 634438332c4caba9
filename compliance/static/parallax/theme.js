// Runs before the first paint, so that a dark page never flashes light. The reading room keeps its own theme.
(() => {
  const root = document.documentElement;
  if (root.hasAttribute("data-theme-fixed")) return;
  let kept = null;
  try { kept = localStorage.getItem("parallax-theme"); } catch { /* storage may be refused */ }
  const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.setAttribute("data-bs-theme", dark ? "dark" : "light");
})();
