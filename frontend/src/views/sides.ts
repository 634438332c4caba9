// Which way the patient lies in a picture: letters at its edges, and the same in words for whoever cannot see them.
import type { Triple } from "../manifest.ts";
import { times } from "./vectors.ts";

/** The two ends of each of the patient's axes (LPS), as DICOM names them (PS3.3 §C.7.6.1.1.1). */
const ENDS = [
  ["L", "R"],
  ["P", "A"],
  ["H", "F"],
] as const;
const WORDS: Record<string, string> = { L: "left", R: "right", P: "back", A: "front", H: "head", F: "feet" };
/** A direction that leans further than 15° towards a second axis is told by two letters. */
const LEANS = Math.sin(Math.PI / 12);
const EDGES = ["left", "right", "top", "bottom"] as const;

/** What of the patient lies at each edge of a picture. */
export type Sides = Record<(typeof EDGES)[number], string>;

/** The letters of a direction (of length 1): the axis that it follows most, then a second one, if it leans to it. */
export function lettersOf(direction: Triple): string {
  return direction
    .map((along, axis) => ({ share: Math.abs(along), letter: ENDS[axis]![along < 0 ? 1 : 0] }))
    .filter(({ share }) => share > LEANS)
    .sort((a, b) => b.share - a.share)
    .slice(0, 2)
    .map(({ letter }) => letter)
    .join("");
}

/** The sides of a picture whose directions to the right and down are known. */
export function sidesOf([right, down]: [Triple, Triple]): Sides {
  return {
    left: lettersOf(times(right, -1)),
    right: lettersOf(right),
    top: lettersOf(times(down, -1)),
    bottom: lettersOf(down),
  };
}

/** The same in words. */
export function wordsOf({ left, top }: Sides): string {
  const words = (letters: string): string => [...letters].map((letter) => WORDS[letter]).join(" and ");
  return `Left edge: ${words(left)} of the patient. Top edge: ${words(top)} of the patient.`;
}

let described = 0;

/** Write the sides at the edges of a viewport and into its description; undefined: nothing is known of them. */
export function drawSides(host: HTMLElement, sides: Sides | undefined): void {
  if (!host.querySelector("[data-side]")) {
    if (!sides) return;
    make(host);
  }
  for (const place of host.querySelectorAll<HTMLElement>("[data-side]")) {
    const text = sides?.[place.dataset.side as keyof Sides] ?? "";
    if (place.textContent !== text) place.textContent = text;
  }
  const words = host.querySelector<HTMLElement>("[data-sides]")!;
  words.textContent = sides ? wordsOf(sides) : "";
}

function make(host: HTMLElement): void {
  for (const edge of EDGES) {
    const place = document.createElement("span");
    place.dataset.side = edge;
    place.setAttribute("aria-hidden", "true");
    host.append(place);
  }
  const words = document.createElement("span");
  described += 1;
  words.id = `sides-${described}`;
  words.dataset.sides = "";
  words.hidden = true;
  host.append(words);
  host.setAttribute("aria-describedby", words.id);
}
