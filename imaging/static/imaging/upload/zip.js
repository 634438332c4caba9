// Lists the files of a ZIP from its directory and reads their heads (APPNOTE 4.3), numbered as the server numbers them.
// A ZIP that is not understood here is sent unseen: the server looks into it.

import { inflated } from "./inflating.js";

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 30;
const MOST_COMMENT = 65535;
const MOST_ENTRIES = 20_000;
const STORED = 0;
const DEFLATED = 8;
const JUNK = /^__MACOSX\/|(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini)$/;

export class Unseen extends Error {}

export const isZip = (head) => head[0] === 0x50 && head[1] === 0x4b && [3, 5].includes(head[2]);

// The files in it: {name, number, size, head(n)}.
export async function entriesOf(blob) {
  const tail = new DataView(await blob.slice(-(22 + MOST_COMMENT)).arrayBuffer());
  let at = tail.byteLength - 22;
  while (at >= 0 && tail.getUint32(at, true) !== END) at -= 1;
  if (at < 0) throw new Unseen("It is damaged or incomplete.");
  const count = tail.getUint16(at + 10, true);
  const length = tail.getUint32(at + 12, true);
  const start = tail.getUint32(at + 16, true);
  if (count === 0xffff || start === 0xffffffff || count > MOST_ENTRIES) throw new Unseen("It holds too much to be looked into here.");
  const directory = new DataView(await blob.slice(start, start + length).arrayBuffer());
  const found = [];
  for (let here = 0, n = 0; n < count; n += 1) {
    if (here + 46 > directory.byteLength || directory.getUint32(here, true) !== ENTRY) throw new Unseen("It is damaged or incomplete.");
    const field = (offset) => directory.getUint16(here + offset, true);
    const name = new TextDecoder().decode(new Uint8Array(directory.buffer, here + 46, field(28))).replaceAll("\\", "/");
    if (field(8) & 1) throw new Unseen("It is encrypted. Make it again without a password: the connection is private.");
    if (!name.endsWith("/") && !JUNK.test(name)) {
      const entry = { method: field(10), packed: directory.getUint32(here + 20, true), offset: directory.getUint32(here + 42, true) };
      const size = directory.getUint32(here + 24, true);
      found.push({ name, number: found.length + 1, size, head: (most) => headOf(blob, entry, most) });
    }
    here += 46 + field(28) + field(30) + field(32);
  }
  return found;
}

async function headOf(blob, { method, packed, offset }, most) {
  const local = new DataView(await blob.slice(offset, offset + LOCAL).arrayBuffer());
  if (local.byteLength < LOCAL || ![STORED, DEFLATED].includes(method)) return new Uint8Array();
  const start = offset + LOCAL + local.getUint16(26, true) + local.getUint16(28, true);
  const content = blob.slice(start, start + packed);
  if (method === DEFLATED) return inflated(content, most);
  return new Uint8Array(await content.slice(0, most).arrayBuffer());
}
