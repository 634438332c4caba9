// A stack of server-rendered slices: slider, wheel and arrow keys; neighbours are fetched ahead.

for (const stack of document.querySelectorAll("[data-stack]")) {
  const part = (name) => stack.querySelector(`[data-stack-${name}]`);
  const [view, image, slider, place, series, preset] = ["view", "image", "slider", "place", "series", "preset"].map(part);
  if (!view) continue;

  const count = () => Number(series.selectedOptions[0].dataset.count);
  const address = (n) =>
    `${series.value.replace(/\/frames\/\d+\//, `/frames/${n}/`)}?preset=${encodeURIComponent(preset.value)}`;

  function show(n) {
    const last = count();
    n = Math.min(Math.max(n, 1), last);
    slider.max = last;
    slider.value = n;
    image.src = address(n);
    image.alt = `Slice ${n} of ${last}`;
    place.textContent = `Slice ${n} / ${last}`;
    for (const near of [n + 1, n - 1, n + 2]) if (near >= 1 && near <= last) new Image().src = address(near);
  }

  slider.addEventListener("input", () => show(Number(slider.value)));
  series.addEventListener("change", () => show(Math.ceil(count() / 2)));
  preset.addEventListener("change", () => show(Number(slider.value)));
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    show(Number(slider.value) + Math.sign(event.deltaY));
  }, { passive: false });
  view.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(Number(slider.value) + step);
  });
  // A link of the page to a slice of one of the series shows it here.
  for (const link of document.querySelectorAll("[data-stack-slice]"))
    link.addEventListener("click", (event) => {
      const of = (href) => href.replace(/\/frames\/.*/, "");
      const wanted = [...series.options].find((option) => of(option.value) === of(link.getAttribute("href")));
      if (!wanted) return;
      event.preventDefault();
      series.value = wanted.value;
      show(Number(link.dataset.stackSlice));
      view.scrollIntoView({ block: "nearest" });
      view.focus({ preventScroll: true });
    });
  show(Math.ceil(count() / 2));
}
