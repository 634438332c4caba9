// Walks the elements of a DICOM data set (PS3.5 §7) as far as they lie in the bytes at hand, and notes wanted values.

const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const UNDEFINED = 0xffffffff;
const MOST_DEPTH = 64;
// VRs whose length has 32 bits (PS3.5 §7.1.2).
const LONG = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);

// Thrown when an element does not end within the bytes at hand.
export class TooShort extends Error {}
// Thrown when the bytes cannot be elements.
export class Malformed extends Error {}

export const isVr = (bytes, at) => /^[A-Z]{2}$/.test(ascii(bytes.subarray(at, at + 2)));

export function ascii(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

// `encoding` is {explicit, little}. Values of tags in `wanted` are put into `found`, the first of each; sequences in
// `opened` are looked into, all others passed over. Ends before the first tag after `last`, which is then told, or
// with the bytes.
export function walk(bytes, start, encoding, { wanted, opened, last, found }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

  function level(at, end, { explicit, little }, looking, depth) {
    if (depth > MOST_DEPTH) throw new Malformed();
    while (at < end) {
      if (at + 8 > end) throw new TooShort();
      const tag = view.getUint16(at, little) * 0x10000 + view.getUint16(at + 2, little);
      if (tag === ITEM_END || tag === SEQUENCE_END) return at + 8;
      if (depth === 0 && tag > last) return at;
      let vr = "";
      let length;
      if (explicit) {
        vr = ascii(bytes.subarray(at + 4, at + 6));
        const long = LONG.has(vr);
        if (long && at + 12 > end) throw new TooShort();
        length = long ? view.getUint32(at + 8, little) : view.getUint16(at + 6, little);
        at += long ? 12 : 8;
      } else {
        length = view.getUint32(at + 4, little);
        at += 8;
      }
      const inside = looking && opened.has(tag);
      if (length === UNDEFINED || inside) {
        // Unknown elements of undefined length are written as implicit ones (PS3.5 §6.2.2).
        const within = vr === "UN" ? { explicit: false, little } : { explicit, little };
        at = items(at, length === UNDEFINED ? bytes.length : at + length, length !== UNDEFINED, within, inside, depth);
        continue;
      }
      if (looking && wanted.has(tag)) {
        if (at + length > bytes.length) throw new TooShort();
        if (!found.has(tag)) found.set(tag, bytes.subarray(at, at + length));
      }
      at += length;
    }
    if (at > bytes.length) throw new TooShort();
    return at;
  }

  function items(at, end, bounded, encoding, looking, depth) {
    while (at < end || !bounded) {
      if (at + 8 > bytes.length) throw new TooShort();
      const tag = view.getUint16(at, encoding.little) * 0x10000 + view.getUint16(at + 2, encoding.little);
      const length = view.getUint32(at + 4, encoding.little);
      at += 8;
      if (tag === SEQUENCE_END) return at;
      if (tag !== 0xfffee000) throw new Malformed();
      if (length === UNDEFINED) at = level(at, bytes.length, encoding, looking, depth + 1);
      else if (looking) at = level(at, Math.min(at + length, bytes.length), encoding, looking, depth + 1);
      else at += length;
    }
    return at;
  }

  return level(start, bytes.length, encoding, true, 0);
}
