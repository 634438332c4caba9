import assert from "node:assert/strict";
import { test } from "node:test";
import type { Series, Triple } from "../manifest.ts";
import { followed, linkBetween, linkHere, nearestSliceTo, standingOf, withLink } from "./following.ts";
import { corners, gridOf, toIndex, toPatient, type Grid } from "./grid.ts";
import { along, cutOf, nearestPlane, pixelOf, PLANES, pointOf } from "./plane.ts";
import { reslice, valueAt, type Volume } from "./reslice.ts";
import { count, maskOf, runsOf } from "./runs.ts";
import { levelOf, overlay, paint, rangeOf } from "./colours.ts";

export function series(given: Partial<Series> & { first?: Triple; gap?: number; count?: number } = {}): Series {
  const { first = [-10, -20, 30], gap = 2, count: slices = 5, ...rest } = given;
  return {
    key: "a",
    label: "CT",
    modality: "CT",
    rows: 4,
    columns: 6,
    samples: 1,
    bits: 16,
    signed: true,
    float: false,
    photometric: "MONOCHROME2",
    unit: "HU",
    suv_factor: null,
    suv_reason: "",
    interval: gap,
    spacing: [1.5, 0.5],
    orientation: [1, 0, 0, 0, 1, 0],
    space: "one",
    cine_ms: null,
    window: null,
    slices: Array.from({ length: slices }, (_, n) => [
      `i${n}`,
      1,
      n * gap,
      [first[0], first[1], first[2] + n * gap] as Triple,
      1,
      0,
    ]),
    ...rest,
  };
}

/** Values that tell where they lie: 100 x slice + 10 x row + column. */
function volume(of: Series): Volume {
  const grid = gridOf(of) as Grid;
  const [columns, rows] = grid.size;
  const slices = grid.order.map((slice) =>
    Int16Array.from({ length: columns * rows }, (_, n) => 100 * slice + 10 * Math.floor(n / columns) + (n % columns)),
  );
  return { grid, slices };
}

test("a voxel and its point in the patient lead to each other", () => {
  const grid = gridOf(series()) as Grid;
  assert.deepEqual(toPatient(grid, [2, 3, 1]), [-9, -15.5, 32]);
  assert.deepEqual(toIndex(grid, [-9, -15.5, 32]), [2, 3, 1]);
  assert.deepEqual(grid.spacing, [0.5, 1.5, 2]);
  assert.equal(corners(grid).length, 8);
});

test("slices are taken in the order in which they lie, whatever order they come in", () => {
  const turned = series();
  turned.slices.reverse();
  const grid = gridOf(turned) as Grid;
  assert.deepEqual(grid.order, [4, 3, 2, 1, 0]);
  assert.deepEqual(grid.origin, [-10, -20, 30]);
});

for (const [why, given] of [
  ["equal distances", { slices: series().slices.filter((_, n) => n !== 1) }],
  ["too few", { count: 2 }],
  ["do not tell where", { orientation: null }],
  ["do not tell where", { spacing: null }],
  ["Colour", { samples: 3 }],
] as const)
  test(`a series that is no volume says why: ${why}`, () => {
    const told = gridOf(series(given as Partial<Series>));
    assert.equal(typeof told, "string");
    assert.match(told as string, new RegExp(why));
  });

test("tilted slices, whose positions leave the normal, are no volume", () => {
  const tilted = series();
  tilted.slices.forEach((slice, n) => ((slice[3] as Triple)[1] += n));
  assert.match(gridOf(tilted) as string, /equal distances/);
});

test("an axial plane through a slice has the slice's own values", () => {
  const { grid, slices } = volume(series({ spacing: [0.5, 0.5] }));
  const cut = cutOf(grid, PLANES.axial);
  assert.deepEqual([cut.columns, cut.rows, cut.count, cut.gap], [6, 4, 5, 2]);
  assert.deepEqual([...reslice({ grid, slices }, cut, along(cut, 3))], [...(slices[2] as Int16Array)]);
});

test("a coronal plane has the head above, and each row of a slice becomes a line", () => {
  const made = volume(series());
  const cut = cutOf(made.grid, PLANES.coronal);
  assert.equal(cut.count, 4);
  const values = reslice(made, cut, along(cut, 2));
  assert.equal(values[0], 410); // the topmost line is the last slice, second row, first column
  assert.equal(values[cut.columns - 1], 415);
  assert.equal(values[(cut.rows - 1) * cut.columns], 10);
});

test("a sagittal plane has the front at the left", () => {
  const made = volume(series());
  const cut = cutOf(made.grid, PLANES.sagittal);
  const values = reslice(made, cut, along(cut, 4));
  assert.equal(values[0], 403);
  assert.equal(values[cut.columns - 1], 433);
});

test("between two slices values are interpolated", () => {
  const made = volume(series());
  const cut = cutOf(made.grid, PLANES.axial);
  assert.equal(reslice(made, cut, 31)[0], 50);
  assert.ok(Number.isNaN(reslice(made, cut, 60)[0]));
});

test("a slab shows the greatest value within it", () => {
  const made = volume(series());
  const cut = cutOf(made.grid, PLANES.axial);
  assert.equal(reslice(made, cut, 34, 6)[0], 300);
  assert.equal(reslice(made, cut, 34, 1000)[0], 400);
});

test("a pixel of a plane and its point lead to each other, and the plane is found again", () => {
  const cut = cutOf(gridOf(series()) as Grid, PLANES.coronal);
  const point = pointOf(cut, 3, 2, along(cut, 2));
  assert.deepEqual(pixelOf(cut, point).map((each) => Math.round(each * 1e6) / 1e6), [3, 2]);
  assert.equal(nearestPlane(cut, point), 2);
});

test("the value at a point is that of the voxel that holds it", () => {
  const made = volume(series());
  assert.equal(valueAt(made, [-9, -15.5, 32]), 132);
  assert.equal(valueAt(made, [-9.2, -15, 32.9]), 132);
  assert.equal(valueAt(made, [100, 0, 32]), undefined);
});

// --- in step ---------------------------------------------------------------------------------------------------------
test("series of one space follow each other by the place in the patient", () => {
  const other = series({ key: "b", first: [-10, -20, 24], gap: 1, count: 20 });
  const goes = followed(standingOf(series(), 3), standingOf(other, 1), []);
  assert.deepEqual(goes, { point: [-10, -20, 34] });
  assert.equal(nearestSliceTo(other, [-10, -20, 34]), 11);
});

test("series of two spaces follow from their beginnings, until the reader links them", () => {
  const other = series({ key: "b", space: "two", first: [-10, -20, 500], count: 20 });
  assert.deepEqual(followed(standingOf(series(), 3), standingOf(other, 1), []), { point: [-10, -20, 504] });
  const link = linkHere(standingOf(series(), 2), standingOf(other, 7));
  assert.deepEqual(link, { from: "a", to: "b", offset: [0, 0, 480] });
  const goes = followed(standingOf(series(), 3), standingOf(other, 1), [link]) as { point: Triple };
  assert.equal(nearestSliceTo(other, goes.point), 8);
  const back = followed(standingOf(other, 8), standingOf(series(), 1), [link]) as { point: Triple };
  assert.equal(nearestSliceTo(series(), back.point), 3);
});

test("series without geometry follow by the number of slices", () => {
  const [one, two] = [series({ orientation: null }), series({ key: "b", orientation: null, count: 9 })];
  const link = linkHere(standingOf(one, 1), standingOf(two, 4));
  assert.deepEqual(link, { from: "a", to: "b", steps: 3 });
  assert.deepEqual(followed(standingOf(one, 2), standingOf(two, 1), [link]), { slice: 5 });
  assert.deepEqual(followed(standingOf(two, 5), standingOf(one, 1), [link]), { slice: 2 });
});

test("planes that cross do not follow each other", () => {
  const sagittal = series({ key: "b", orientation: [0, 1, 0, 0, 0, -1] });
  assert.equal(followed(standingOf(series(), 3), standingOf(sagittal, 1), []), undefined);
});

test("two series have one link, whichever way it is made again", () => {
  const links = withLink([{ from: "a", to: "b", steps: 1 }], { from: "b", to: "a", steps: 2 });
  assert.deepEqual(links, [{ from: "b", to: "a", steps: 2 }]);
  assert.deepEqual(linkBetween(links, "a", "b"), { from: "a", to: "b", steps: -2 });
});

// --- colours and runs --------------------------------------------------------------------------------------------------
test("a window maps its ends to black and white, and inverse grey turns it", () => {
  const range = rangeOf(50, 100);
  assert.deepEqual([-5, 0, 50, 100, 500].map((value) => levelOf(value, range)), [0, 0, 128, 255, 255]);
  const pixels = new Uint8ClampedArray(8);
  paint(Float32Array.of(100, NaN), range, "inverse", pixels);
  assert.deepEqual([...pixels], [0, 0, 0, 255, 0, 0, 0, 255]);
});

test("what has no uptake lets the picture beneath through, and what has much hides half of it", () => {
  const pixels = Uint8ClampedArray.of(100, 100, 100, 255, 100, 100, 100, 255, 100, 100, 100, 255);
  overlay(Float32Array.of(0, 10, NaN), rangeOf(5, 10), "hot iron", 0.5, pixels);
  assert.deepEqual([...pixels.slice(0, 3)], [100, 100, 100]);
  assert.deepEqual([...pixels.slice(4, 7)], [178, 177, 176]);
  assert.deepEqual([...pixels.slice(8, 11)], [100, 100, 100]);
});

test("painted pixels and their runs lead to each other", () => {
  for (const mask of [[0, 1, 1, 0, 0, 1], [1, 1, 0, 0], [0, 0, 0], [1, 1, 1]].map((each) => Uint8Array.from(each))) {
    const runs = runsOf(mask);
    assert.deepEqual([...maskOf(runs, mask.length)], [...mask]);
    assert.equal(count(mask), runs.filter((_, n) => n % 2).reduce((sum, run) => sum + run, 0));
  }
  assert.deepEqual(runsOf(Uint8Array.of(0, 1, 1, 0, 0, 1)), [1, 2, 2, 1]);
});
