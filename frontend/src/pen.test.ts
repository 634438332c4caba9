import assert from "node:assert/strict";
import { test } from "node:test";
import { isEmpty } from "./mark.ts";
import { shapeOf } from "./pen.ts";

test("a mark is complete with its last point and not before", () => {
  assert.equal(shapeOf("length", [[0, 0]]), undefined);
  assert.deepEqual(shapeOf("length", [[0, 0], [9, 0]]), [[0, 0], [9, 0]]);
  assert.equal(shapeOf("bidirectional", [[0, 0], [9, 0], [4, 2]]), undefined);
  assert.deepEqual(shapeOf("angle", [[0, 0], [9, 0], [9, 9]]), [[0, 0], [9, 0], [9, 9]]);
  assert.deepEqual(shapeOf("point", [[3, 4]]), [[3, 4]]);
});

test("two corners make an ellipse: the ends of one axis, then those of the other", () => {
  assert.deepEqual(shapeOf("ellipse", [[10, 20], [30, 60]]), [[20, 60], [20, 20], [10, 40], [30, 40]]);
});

test("an outline is closed by a second Enter at its last point", () => {
  assert.equal(shapeOf("freehand", [[0, 0], [9, 0], [9, 9]]), undefined);
  assert.deepEqual(shapeOf("freehand", [[0, 0], [9, 0], [9, 9], [9, 9]]), [[0, 0], [9, 0], [9, 9]]);
});

test("a click without a stroke is no mark, a point is", () => {
  assert.equal(isEmpty("length", [[1, 1, 1], [1, 1, 1]]), true);
  assert.equal(isEmpty("length", [[1, 1, 1], [1, 2, 1]]), false);
  assert.equal(isEmpty("freehand", [[1, 1, 1], [1, 2, 1]]), true);
  assert.equal(isEmpty("point", [[1, 1, 1]]), false);
});
