import assert from "node:assert/strict";
import { test } from "node:test";
import type { Triple } from "../manifest.ts";
import { PLANES } from "./plane.ts";
import { lettersOf, sidesOf, wordsOf } from "./sides.ts";
import { turned } from "./turning.ts";

const told = (right: Triple, down: Triple): string => {
  const { left, right: to, top, bottom } = sidesOf([right, down]);
  return `${left} ${to} ${top} ${bottom}`;
};
const leaning = (degrees: number): [number, number] => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];

test("the three planes have the sides that the field expects", () => {
  assert.equal(told([1, 0, 0], [0, 1, 0]), "R L A P"); // axial
  assert.equal(told([1, 0, 0], [0, 0, -1]), "R L H F"); // coronal
  assert.equal(told([0, 1, 0], [0, 0, -1]), "A P H F"); // sagittal
});

test("a picture that is mirrored, upside down or turned by a quarter has its letters where the patient lies", () => {
  assert.equal(told([-1, 0, 0], [0, 1, 0]), "L R A P");
  assert.equal(told([1, 0, 0], [0, -1, 0]), "R L P A");
  assert.equal(told([0, -1, 0], [1, 0, 0]), "P A R L");
});

test("a direction that leans has two letters, the chief one first; one that leans little has one", () => {
  const [much, some] = leaning(30);
  assert.equal(told([much, some, 0], [0, 0, -1]), "RA LP H F");
  assert.equal(lettersOf([some, 0, -much]), "FL");
  const [most, little] = leaning(14);
  assert.equal(told([1, 0, 0], [0, most, -little]), "R L A P"); // a gantry that is tilted
  assert.equal(lettersOf([0.6, -0.6, 0.53]).length, 2);
});

test("a body that turns shows its left after its front", () => {
  const at = (degrees: number): string => {
    const { right, down } = turned(PLANES.coronal, degrees);
    return told(right, down);
  };
  assert.deepEqual([0, 30, 60, 90, 180, 270].map(at), [
    "R L H F",
    "RA LP H F",
    "AR PL H F",
    "A P H F",
    "L R H F",
    "P A H F",
  ]);
});

test("the sides are also said in words", () => {
  assert.equal(
    wordsOf(sidesOf([[1, 0, 0], [0, 1, 0]])),
    "Left edge: right of the patient. Top edge: front of the patient.",
  );
  const [much, some] = leaning(30);
  assert.equal(
    wordsOf(sidesOf([[much, some, 0], [0, 0, -1]])),
    "Left edge: right and front of the patient. Top edge: head of the patient.",
  );
});
