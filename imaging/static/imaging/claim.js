// While somebody works on a page, others are given something else; when it is left, that is anybody's.

const QUIET = 60_000;

// `claim` names the addresses; `decided` tells whether there is nothing left to let go of.
export function watch(claim, decided) {
  let told = Date.now();

  function stated() {
    const fields = new FormData();
    fields.append("page", claim.dataset.page);
    fields.append("csrfmiddlewaretoken", window.parallax.csrf());
    return fields;
  }

  async function work() {
    if (Date.now() - told < QUIET) return;
    told = Date.now();
    try {
      const answer = await fetch(claim.dataset.claim, { method: "POST", body: stated() });
      if (answer.ok && !answer.redirected) claim.innerHTML = await answer.text();
    } catch { /* it lapses, and nothing else */ }
  }

  for (const type of ["pointerdown", "pointermove", "keydown", "wheel"]) document.addEventListener(type, work, { passive: true });
  window.addEventListener("pagehide", () => { if (!decided()) navigator.sendBeacon(claim.dataset.leave, stated()); });
}
