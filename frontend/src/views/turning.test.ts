import assert from "node:assert/strict";
import { test } from "node:test";
import type { Series, Triple } from "../manifest.ts";
import { toPatient, type Grid } from "./grid.ts";
import { pixelOf, PLANES } from "./plane.ts";
import { valueAt, type Volume } from "./reslice.ts";
import { brightest, project, quick, turned, turningCut } from "./turning.ts";

/** A volume of zeros around the origin with one bright voxel, and a second one beside it half as bright. */
function volume(size: Triple, spacing: Triple, bright: Triple): Volume {
  const origin = size.map((count, n) => (-(count - 1) / 2) * spacing[n]!) as Triple;
  const grid: Grid = {
    series: {} as Series,
    origin,
    axes: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    spacing,
    size,
    order: [],
  };
  const slices = Array.from({ length: size[2] }, () => new Float32Array(size[0] * size[1]));
  slices[bright[2]]![bright[1] * size[0] + bright[0]] = 100;
  return { grid, slices };
}

const BRIGHT: Triple = [25, 9, 4];
const SMALL = volume([32, 24, 10], [2, 2, 5], BRIGHT);
const peak = (values: Float32Array): number =>
  values.reduce((best, value, n) => (value > (values[best] ?? -Infinity) ? n : best), -1);

test("a bright voxel lies on the picture where the turned plane sees it, from every side", () => {
  const place = toPatient(SMALL.grid, BRIGHT);
  for (let degrees = 0; degrees < 360; degrees += 15) {
    const cut = turningCut(SMALL.grid, turned(PLANES.coronal, degrees));
    const at = peak(project(SMALL, cut));
    const [column, row] = pixelOf(cut, place);
    assert.ok(Math.abs((at % cut.columns) - column) <= 0.5 + 1e-6, `${degrees}°`);
    assert.ok(Math.abs(Math.floor(at / cut.columns) - row) <= 2.5, `${degrees}°`); // a slice is 2.5 rows thick
  }
});

test("a quarter turn of the front is the side, and every turn is as large", () => {
  const side = turned(PLANES.coronal, 90);
  for (const [n, value] of PLANES.sagittal.right.entries()) assert.ok(Math.abs(side.right[n]! - value) < 1e-9);
  // From the left as from the front, what is near goes to the left.
  for (const [plane, near] of [["coronal", [0, -1, 0]], ["sagittal", [1, 0, 0]]] as const)
    assert.ok(turned(PLANES[plane], 10).right.reduce((sum, each, n) => sum + each * near[n]!, 0) < 0, plane);
  const sizes = [0, 33, 90, 200].map((degrees) => turningCut(SMALL.grid, turned(PLANES.coronal, degrees)));
  assert.equal(new Set(sizes.map(({ columns, rows }) => `${columns}x${rows}`)).size, 1);
});

test("no column within the body stays empty", () => {
  for (let degrees = 0; degrees < 180; degrees += 3) {
    const cut = turningCut(SMALL.grid, turned(PLANES.coronal, degrees));
    const row = project(SMALL, cut).subarray(0, cut.columns);
    const [first, last] = [row.findIndex((value) => !Number.isNaN(value)), row.findLastIndex((value) => !Number.isNaN(value))];
    assert.ok(!row.subarray(first, last + 1).some(Number.isNaN), `${degrees}°`);
  }
});

test("a place on the picture is that of the value which is seen there", () => {
  const place = toPatient(SMALL.grid, BRIGHT);
  const cut = turningCut(SMALL.grid, turned(PLANES.coronal, 60));
  const found = brightest(SMALL, cut, ...pixelOf(cut, place));
  assert.ok(found);
  assert.equal(valueAt(SMALL, found), 100);
  assert.equal(brightest(SMALL, cut, -40, 0), undefined);
});

test("a large volume turns as a coarser one that has lost no bright voxel", () => {
  const large = volume([600, 600, 45], [0.7, 0.7, 3], [401, 303, 20]);
  const coarse = quick(large);
  assert.deepEqual(coarse.grid.size, [300, 300, 45]);
  assert.equal(Math.max(...coarse.slices[20]!), 100);
  assert.equal(quick(SMALL), SMALL);
  const cut = turningCut(coarse.grid, turned(PLANES.coronal, 30));
  const [column] = pixelOf(cut, toPatient(large.grid, [401, 303, 20]));
  assert.ok(Math.abs((peak(project(coarse, cut)) % cut.columns) - column) <= 1.2);
});
