// What a file is, by its content: DICOM, a ZIP with what is in it, a document or picture, or nothing that is taken.

import { facts, factsOf } from "./dicom.js";
import { Unseen, entriesOf, isZip } from "./zip.js";

const MAGIC = 132;

export async function look(file) {
  const head = new Uint8Array(await file.slice(0, MAGIC).arrayBuffer());
  if (isZip(head)) return { kind: "zip", ...(await inside(file)) };
  return whatever(await facts(file), head);
}

function whatever(found, head) {
  if (found?.directory) return { kind: "directory" };
  if (found) return { kind: "dicom", images: [found] };
  return { kind: isAttachment(head) ? "attachment" : "other" };
}

async function inside(file) {
  const names = {};
  const images = [];
  let others = 0;
  try {
    for (const entry of await entriesOf(file)) {
      names[entry.number] = entry.name;
      const found = await factsOf(entry.head, entry.size);
      if (found && !found.directory) images.push(found);
      else if (isZip(await entry.head(MAGIC))) throw new Unseen("It holds archives within, which are looked into after sending.");
      else others += 1;
    }
  } catch (problem) {
    // Without their names: the server counts the files of archives within as well.
    return { names: {}, images: [], others: 0, unseen: problem instanceof Unseen ? problem.message : "It is damaged or incomplete." };
  }
  return { names, images, others };
}

function isAttachment(head) {
  const starts = (...bytes) => bytes.every((byte, at) => head[at] === byte);
  const movie = head[4] === 0x66 && head[5] === 0x74 && head[6] === 0x79 && head[7] === 0x70; // "ftyp"
  return starts(0x25, 0x50, 0x44, 0x46) || starts(0xff, 0xd8, 0xff) || starts(0x89, 0x50, 0x4e, 0x47) || movie;
}
