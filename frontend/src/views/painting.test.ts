import assert from "node:assert/strict";
import { test } from "node:test";
import { Painting } from "./painting.ts";

const SIZE = { rows: 5, columns: 5 };
const DOT = { column: 2, row: 2, across: 1, down: 1 };
const CROSS = [[1, [7, 1, 3, 3, 3, 1]]];

function stroke(painting: Painting, ...dabs: Parameters<Painting["dab"]>[]): boolean {
  painting.begin();
  for (const dab of dabs) painting.dab(...dab);
  return painting.end();
}

test("a dab is a disc, and a stroke is undone and done again as a whole", () => {
  const painting = new Painting(SIZE);
  assert.ok(stroke(painting, [1, DOT, false], [2, { ...DOT, across: 0.5 }, false]));
  assert.deepEqual(painting.slices, [...CROSS, [2, [7, 1, 4, 1, 4, 1]]]);
  assert.equal(painting.voxels, 8);
  assert.ok(painting.undo());
  assert.deepEqual(painting.slices, []);
  assert.ok(!painting.undo());
  assert.ok(painting.redo());
  assert.equal(painting.voxels, 8);
});

test("a stroke that changes nothing is no step", () => {
  const painting = new Painting(SIZE, [[1, [7, 1, 3, 3, 3, 1]]]);
  assert.ok(!stroke(painting, [1, DOT, false]));
  assert.ok(!painting.undo());
});

test("the eraser takes away, whatever the threshold", () => {
  const painting = new Painting(SIZE, [[1, [0, 25]]]);
  const values = new Int16Array(25);
  assert.ok(stroke(painting, [1, DOT, true, values, { low: 100, high: 200 }]));
  assert.equal(painting.voxels, 20);
});

test("with a threshold only values within it are painted, its ends among them", () => {
  const painting = new Painting(SIZE);
  const values = Int16Array.from({ length: 25 }, (_, n) => n);
  stroke(painting, [1, DOT, false, values, { low: 7, high: 12 }]);
  assert.deepEqual(painting.slices, [[1, [7, 1, 3, 2]]]);
});

test("discs end at the edge of the picture", () => {
  const painting = new Painting(SIZE);
  stroke(painting, [1, { column: 0, row: 0, across: 1, down: 1 }, false]);
  assert.deepEqual(painting.slices, [[1, [0, 2, 3, 1]]]);
});

test("all is taken away as one step", () => {
  const painting = new Painting(SIZE, [
    [1, [0, 25]],
    [4, [3, 2]],
  ]);
  painting.clear();
  assert.equal(painting.voxels, 0);
  painting.undo();
  assert.equal(painting.voxels, 27);
});
