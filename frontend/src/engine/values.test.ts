import assert from "node:assert/strict";
import { test } from "node:test";
import { type Frame, valuesOf } from "./values.ts";

const frame: Frame = { rows: 1, columns: 3, samples: 1, bits: 16, signed: false, float: false, slope: 1, intercept: 0 };
const words = (...values: number[]) => Uint16Array.from(values).buffer;

test("stored values of CT become Hounsfield units in 16 bits", () => {
  const { values, min, max } = valuesOf(words(0, 1024, 4095), { ...frame, intercept: -1024 });
  assert.deepEqual(values, Int16Array.of(-1024, 0, 3071));
  assert.deepEqual([min, max], [-1024, 3071]);
});

test("values that 16 bits do not hold are kept exactly as floating point", () => {
  const { values } = valuesOf(words(0, 1, 65535), { ...frame, intercept: -1024 });
  assert.deepEqual(values, Float32Array.of(-1024, -1023, 64511));
});

test("a slope with a fraction gives fractions, and a negative one turns least and greatest round", () => {
  assert.deepEqual(valuesOf(words(0, 1, 2), { ...frame, slope: 0.5 }).values, Float32Array.of(0, 0.5, 1));
  const { min, max } = valuesOf(words(1, 2, 3), { ...frame, slope: -1 });
  assert.deepEqual([min, max], [-3, -1]);
});

test("unsigned and signed values without a slope stay as they are stored", () => {
  assert.deepEqual(valuesOf(words(0, 40_000, 65_535), frame).values, Uint16Array.of(0, 40_000, 65_535));
  const signed = valuesOf(Int16Array.of(-32_768, 0, 32_767).buffer, { ...frame, signed: true });
  assert.deepEqual(signed.values, Int16Array.of(-32_768, 0, 32_767));
  const bytes = valuesOf(Int8Array.of(-128, 0, 127).buffer, { ...frame, bits: 8, signed: true });
  assert.deepEqual(bytes.values, Int16Array.of(-128, 0, 127));
});

test("colour is shown as it is, whatever a header says of a slope", () => {
  const { values } = valuesOf(Uint8Array.of(1, 2, 3).buffer, { ...frame, columns: 1, samples: 3, bits: 8, slope: 2 });
  assert.deepEqual(values, Uint8Array.of(1, 2, 3));
});

test("a frame that is cut short is refused", () => {
  assert.throws(() => valuesOf(words(1, 2), frame), /holds 4 bytes where 6 are expected/);
});
