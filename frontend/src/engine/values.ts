// From stored bytes to the values that are shown and measured (HU, SUV, activity, or plain grey).

/** How a frame is stored, and what turns a stored value into a real one. */
export interface Frame {
  rows: number;
  columns: number;
  samples: number;
  bits: 8 | 16 | 32;
  signed: boolean;
  float: boolean;
  slope: number;
  intercept: number;
}

export type Values =
  | Uint8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>;

/** The stored values, little endian as every browser's own. */
function stored(bytes: ArrayBuffer, { bits, signed, float }: Frame) {
  if (bits === 8) return signed ? new Int8Array(bytes) : new Uint8Array(bytes);
  if (bits === 16) return signed ? new Int16Array(bytes) : new Uint16Array(bytes);
  if (float) return new Float32Array(bytes);
  return signed ? new Int32Array(bytes) : new Uint32Array(bytes);
}

/**
 * Return the values of a frame with its least and greatest. Whole numbers stay whole in 16 bits where they fit, so that
 * all slices of a series are of one kind; anything else is held in 32-bit floating point.
 */
export function valuesOf(bytes: ArrayBuffer, frame: Frame): { values: Values; min: number; max: number } {
  const { rows, columns, samples, slope, intercept } = frame;
  const expected = rows * columns * samples * (frame.bits / 8);
  if (bytes.byteLength !== expected)
    throw new Error(`The frame holds ${bytes.byteLength} bytes where ${expected} are expected.`);
  const from = stored(bytes, frame);
  let min = Infinity;
  let max = -Infinity;
  for (const value of from) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (samples > 1) return { values: from as Uint8Array<ArrayBuffer>, min, max };
  [min, max] = [min * slope + intercept, max * slope + intercept].sort((a, b) => a - b) as [number, number];
  const plain = slope === 1 && intercept === 0;
  if (plain && (from instanceof Uint8Array || from instanceof Uint16Array || from instanceof Float32Array))
    return { values: from, min, max };
  if (plain && from instanceof Int16Array) return { values: from, min, max };
  const whole = !frame.float && Number.isInteger(slope) && Number.isInteger(intercept);
  const values = whole && min >= -32768 && max <= 32767 ? new Int16Array(from.length) : new Float32Array(from.length);
  for (let n = 0; n < from.length; n += 1) values[n] = (from[n] as number) * slope + intercept;
  return { values, min, max };
}
