// From values to colours: windows of grey, and the hot iron of DICOM PS3.6 Annex B for what lies over another picture.
export type ColourMap = "grey" | "inverse" | "hot iron";

export interface Range {
  low: number;
  high: number;
}

export const rangeOf = (centre: number, width: number): Range => ({ low: centre - width / 2, high: centre + width / 2 });

const LEVELS = 256;

/** Red, green and blue for each of 256 levels. */
export function table(map: ColourMap): Uint8Array {
  const rgb = new Uint8Array(LEVELS * 3);
  for (let level = 0; level < LEVELS; level += 1) {
    const grey = map === "inverse" ? LEVELS - 1 - level : level;
    const iron = [Math.min(level * 2, 255), Math.max(level * 2 - 256, 0), Math.max((level - 192) * 4, 0)];
    rgb.set(map === "hot iron" ? iron : [grey, grey, grey], level * 3);
  }
  return rgb;
}

/** Level from 0 to 255 of a value within a range. */
export function levelOf(value: number, { low, high }: Range): number {
  const share = (value - low) / (high - low);
  return share <= 0 ? 0 : share >= 1 ? LEVELS - 1 : Math.floor(share * LEVELS);
}

/** Paint values; what lies outside of the volume (NaN) stays black. */
export function paint(values: Float32Array, range: Range, map: ColourMap, to: Uint8ClampedArray): void {
  const rgb = table(map);
  for (let n = 0; n < values.length; n += 1) {
    const value = values[n]!;
    const at = Number.isNaN(value) ? -1 : levelOf(value, range) * 3;
    to[n * 4] = at < 0 ? 0 : rgb[at]!;
    to[n * 4 + 1] = at < 0 ? 0 : rgb[at + 1]!;
    to[n * 4 + 2] = at < 0 ? 0 : rgb[at + 2]!;
    to[n * 4 + 3] = 255;
  }
}

/** Levels below this let what lies beneath shine through, so that anatomy without uptake stays readable. */
const FULL_FROM = 48;

/** Lay values in colour over what is painted already; `opacity` from 0 to 1. */
export function overlay(values: Float32Array, range: Range, map: ColourMap, opacity: number, to: Uint8ClampedArray): void {
  const rgb = table(map);
  for (let n = 0; n < values.length; n += 1) {
    const value = values[n]!;
    if (Number.isNaN(value)) continue;
    const level = levelOf(value, range);
    const share = opacity * Math.min(level / FULL_FROM, 1);
    for (let channel = 0; channel < 3; channel += 1) {
      const at = n * 4 + channel;
      to[at] = to[at]! * (1 - share) + rgb[level * 3 + channel]! * share;
    }
  }
}
