import assert from "node:assert/strict";
import { test } from "node:test";
import { wanted } from "./prefetch.ts";

const ids = Array.from({ length: 10 }, (_, n) => `px:a/${n + 1}`);
const stack = { ids, bytes: 10, at: 4, direction: 1 as const };

test("the nearest pictures come first, and the way the reader goes before where they came from", () => {
  assert.deepEqual(
    wanted([stack], 1000).map((id) => Number(id.slice(5))),
    [5, 6, 4, 7, 8, 3, 9, 10, 2, 1],
  );
  assert.deepEqual(wanted([{ ...stack, direction: -1 }], 40), ["px:a/5", "px:a/4", "px:a/3", "px:a/6"]);
});

test("memory that is allowed is never passed, whatever is on the screen", () => {
  const far = Array.from({ length: 400 }, (_, n) => `px:b/${n + 1}`);
  const four = [0, 1, 2, 3].map((n) => ({ ids: far.map((id) => `${id}-${n}`), bytes: 7, at: 200, direction: 1 as const }));
  const held = wanted(four, 700);
  assert.equal(held.length, 100);
  assert.equal(new Set(held).size, 100);
  assert.deepEqual(held.slice(0, 4), [0, 1, 2, 3].map((n) => `px:b/201-${n}`));
});

test("a picture shown twice is held once", () => {
  assert.equal(wanted([stack, { ...stack, at: 5 }], 1000).length, 10);
});

test("nothing on the screen asks for nothing", () => {
  assert.deepEqual(wanted([], 1000), []);
});
