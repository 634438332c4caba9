"""Walking a page by keys alone."""

from __future__ import annotations

from playwright.sync_api import Page

_NAMED = """() => {
  const here = document.activeElement;
  return here.labels?.[0]?.textContent ?? here.getAttribute("aria-label") ?? here.textContent ?? "";
}"""
#: No page of ours has more places to stop at.
MOST = 120


def tab_to(page: Page, words: str) -> None:
    """Press Tab until what has these words, or this label, has the focus."""
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if page.evaluate(_NAMED).strip().startswith(words):
            return
    raise AssertionError(f"Tab does not lead to “{words}”.")
