// Players of films: play, stop, go frame by frame, and say when the browser cannot decode one.

// Of a film that must be watched, the share of its time that may be missing: browsers round the ends of what was played.
const MISSED = 0.02;

for (const root of document.querySelectorAll("[data-film]")) {
  const part = (name) => root.querySelector(`[data-film-${name}]`);
  const act = (name) => root.querySelector(`[data-film-do="${name}"]`);
  const video = root.querySelector("video");
  const [slider, place, said, speed, cannot] = ["frame", "place", "said", "speed", "cannot"].map(part);
  const frames = Number(root.dataset.frames);
  const each = () => Number(root.dataset.frameMs) / 1000 || video.duration / frames;
  const taken = () => Number(root.dataset.toldMs) / 1000 || each(); // the time that a frame took, not that it is shown
  const about = root.dataset.steady === "True" ? "" : "about ";
  let still = 1; // the frame that was asked for while the film stands

  const within = (n) => Math.min(frames, Math.max(1, n)) || 1;
  const frame = () => (video.paused ? still : within(Math.floor(video.currentTime / each() + 0.001) + 1));
  const words = (n) => `Frame ${about}${n} / ${frames}${taken() ? `, ${((n - 1) * taken()).toFixed(2)} s` : ""}`;

  function show() {
    const n = frame();
    slider.value = n;
    slider.setAttribute("aria-valuetext", words(n));
    place.textContent = words(n);
    root.dataset.frame = n;
  }

  function stand(n) {
    still = within(n);
    show();
    said.textContent = words(still);
  }

  function go(n) {
    video.pause();
    stand(n);
    video.currentTime = (still - 0.5) * each(); // the middle of its time, so that rounding shows no neighbour
  }

  function toggle() {
    if (!video.paused) return video.pause();
    if (video.ended || still === frames) video.currentTime = 0;
    return video.play().catch(() => {});
  }

  function fail() {
    cannot.hidden = false;
    root.dataset.state = "cannot";
    for (const one of root.querySelectorAll("button, input, select")) one.disabled = true;
  }

  function ready() {
    root.dataset.state = "ready";
    show();
  }

  function step() {
    if (video.paused) return;
    show();
    requestAnimationFrame(step);
  }

  // Who lets a film go on has seen all of it, in whatever order.
  function watched() {
    let seen = 0;
    for (let n = 0; n < video.played.length; n += 1) seen += video.played.end(n) - video.played.start(n);
    if (seen < video.duration * (1 - MISSED)) return;
    for (const one of document.querySelectorAll("[data-after-film]")) one.disabled = false;
    for (const one of document.querySelectorAll("[data-until-film]")) one.hidden = true;
  }

  video.addEventListener("play", () => {
    act("play").textContent = "Stop";
    step();
  });
  video.addEventListener("pause", () => {
    act("play").textContent = "Play";
    if (root.dataset.state === "ready") stand(Math.floor(video.currentTime / each() + 0.001) + 1);
    watched();
  });
  video.addEventListener("loadeddata", ready);
  video.addEventListener("ended", watched);
  video.addEventListener("error", fail);
  if (video.error || (video.dataset.type && !video.canPlayType(video.dataset.type))) fail();
  else if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) ready();

  act("play").addEventListener("click", toggle);
  video.addEventListener("click", toggle);
  act("back").addEventListener("click", () => go(frame() - 1));
  act("on").addEventListener("click", () => go(frame() + 1));
  slider.addEventListener("input", () => go(Number(slider.value)));
  speed.addEventListener("change", () => { video.playbackRate = Number(speed.value); });

  const second = () => Math.max(1, Math.round(1 / each()));
  const keys = {
    " ": toggle,
    ",": () => go(frame() - 1),
    ".": () => go(frame() + 1),
    ArrowLeft: () => go(frame() - 1),
    ArrowRight: () => go(frame() + 1),
    PageUp: () => go(frame() - second()),
    PageDown: () => go(frame() + second()),
    Home: () => go(1),
    End: () => go(frames),
  };
  // Before the viewer of pictures, which takes arrows wherever they are pressed, at the document.
  window.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (!root.contains(target) || event.ctrlKey || event.metaKey || event.altKey || root.dataset.state !== "ready") return;
    if (!(key in keys) || target.matches("select") || (key === " " && target !== video)) return;
    event.preventDefault();
    event.stopPropagation();
    keys[key]();
  }, { capture: true });
}
