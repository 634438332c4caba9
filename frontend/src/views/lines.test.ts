import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hanging, Manifest, Triple } from "../manifest.ts";
import { laid } from "./hanging.ts";
import { crossing } from "./lines.ts";

test("two planes cross in a line that lies in both", () => {
  const axial = { point: [0, 0, 12] as Triple, normal: [0, 0, 1] as Triple };
  const sagittal = { point: [-7, 50, 0] as Triple, normal: [1, 0, 0] as Triple };
  const ends = crossing(axial, sagittal, [0, 0, 12]);
  for (const [x, , z] of ends!) assert.deepEqual([x, z], [-7, 12]);
  assert.notEqual(ends![0][1], ends![1][1]);
});

test("planes that hardly cross have no line", () => {
  const plane = { point: [0, 0, 0] as [number, number, number], normal: [0, 0, 1] as [number, number, number] };
  assert.equal(crossing(plane, { ...plane, point: [0, 0, 5] }, [0, 0, 0]), undefined);
});

const cell = (series: string, timepoint: "present" | "previous" | "baseline", over = "") =>
  ({ series, timepoint, plane: over ? "fusion" : "stack", over }) as const;

function told(...timepoints: string[][]): Manifest {
  const series = timepoints.map((labels, n) => ({ title: `${n}`, series: labels.map((label) => ({ label })) }));
  return { timepoints: series } as unknown as Manifest;
}

const hanging = (...cells: Hanging["cells"]): Hanging => ({ name: "", layout: "2x2", linked: true, cells });

test("a hanging is laid with the series of its timepoints, and what is not there leaves its place empty", () => {
  const manifest = told(["CT"], ["CT (1)", "CT (2)"], ["PET", "CT"]);
  const places = laid(manifest, hanging(cell("CT", "previous"), null, cell("PET", "present", "CT"), cell("MR", "baseline")));
  assert.deepEqual(
    places.map((place) => place && [place.timepoint, place.series, place.over]),
    [[1, 0, undefined], undefined, [2, 0, 1], [0, undefined, undefined]],
  );
});

test("at the first timepoint there is none before", () => {
  const places = laid(told(["CT"]), hanging(cell("CT", "previous"), cell("CT", "baseline"), cell("CT", "present")));
  assert.deepEqual(places.map((place) => place?.timepoint), [undefined, undefined, 0]);
});
