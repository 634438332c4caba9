// Reads from the head of a file whether it is DICOM, and what a coordinator is told of it before it is sent. The server
// proves everything again; what is not understood here is sent all the same.

import { Malformed, TooShort, ascii, isVr, walk } from "./elements.js";
import { inflated } from "./inflating.js";

// Heads that are read, in bytes: the next size when the one before did not hold all that is wanted.
const HEADS = [64 << 10, 1 << 20, 8 << 20];
const IMPLICIT = "1.2.840.10008.1.2";
const BIG = "1.2.840.10008.1.2.2";
const DEFLATED = "1.2.840.10008.1.2.1.99";

const TAGS = {
  charset: 0x00080005, sopClass: 0x00080016, instance: 0x00080018,
  studyDate: 0x00080020, seriesDate: 0x00080021, acquisitionDate: 0x00080022,
  modality: 0x00080060, description: 0x0008103e,
  patientId: 0x00100020, issuer: 0x00100021, bodyPart: 0x00180015, thickness: 0x00180050,
  subject: 0x00120040, identityRemoved: 0x00120062, study: 0x0020000d, series: 0x0020000e, number: 0x00200011,
  orientation: 0x00200037, frames: 0x00280008, burnedIn: 0x00280301,
};
const TRANSFER_SYNTAX = 0x00020010;
// Only a DICOMDIR has it: the offset of its first record.
const FIRST_RECORD = 0x00041200;
const SHARED_GROUPS = 0x52009229;
const FRAME_GROUPS = 0x52009230;
const WANTED = new Set([FIRST_RECORD, ...Object.values(TAGS)]);
// Where enhanced multi-frame images keep thickness and orientation (PS3.3 §C.7.6.16.2).
const OPENED = new Set([SHARED_GROUPS, FRAME_GROUPS, 0x00289110, 0x00209116]);
const CHARSETS = {
  "ISO_IR 100": "latin1", "ISO_IR 101": "iso-8859-2", "ISO_IR 109": "iso-8859-3", "ISO_IR 110": "iso-8859-4",
  "ISO_IR 144": "iso-8859-5", "ISO_IR 127": "iso-8859-6", "ISO_IR 126": "iso-8859-7", "ISO_IR 138": "iso-8859-8",
  "ISO_IR 148": "windows-1254", "ISO_IR 166": "windows-874", "ISO_IR 13": "shift_jis", "ISO_IR 192": "utf-8",
  "ISO 2022 IR 87": "iso-2022-jp", "ISO 2022 IR 149": "euc-kr", GB18030: "gb18030", GBK: "gbk",
};

// What the file says of itself, or null if it is no DICOM file. `read(n)` gives its first n bytes, or all.
export async function factsOf(read, size) {
  for (const most of HEADS) {
    const bytes = await read(most);
    const whole = bytes.length >= size;
    const start = begin(bytes);
    if (!start) return null;
    const found = new Map();
    let enough = false;
    try {
      enough = await look(bytes, start, found);
    } catch (problem) {
      if (!(problem instanceof TooShort || problem instanceof Malformed || problem instanceof RangeError)) throw problem;
      enough = problem instanceof Malformed;
    }
    if (enough || whole || most === HEADS.at(-1)) return told(found);
  }
}

export const facts = (blob) => factsOf(async (n) => new Uint8Array(await blob.slice(0, n).arrayBuffer()), blob.size);

// Where the data set starts, and how it is written (PS3.10 §7.1); files without preamble are taken as the server does.
function begin(bytes) {
  const preamble = ascii(bytes.subarray(128, 132)) === "DICM";
  const meta = preamble || (bytes[0] === 2 && bytes[1] === 0 && [0, 1, 2, 16].includes(bytes[2]) && bytes[3] === 0);
  if (!meta) {
    const syntax = guess(bytes);
    return syntax && { at: 0, syntax };
  }
  const found = new Map();
  let at = preamble ? 132 : 0;
  try {
    at = walk(bytes, at, { explicit: true, little: true }, {
      wanted: new Set([TRANSFER_SYNTAX]), opened: new Set(), last: 0x0002ffff, found,
    });
  } catch {
    return { at: bytes.length, syntax: "" };
  }
  const syntax = text(found.get(TRANSFER_SYNTAX)) || guess(bytes.subarray(at));
  return syntax && { at, syntax };
}

function guess(bytes) {
  if (bytes.length < 8) return "";
  const explicit = isVr(bytes, 4);
  if (bytes[0] === 8 && bytes[1] === 0 && bytes[3] === 0) {
    if (explicit) return "1.2.840.10008.1.2.1";
    return bytes[6] === 0 && bytes[7] === 0 ? IMPLICIT : "";
  }
  return bytes[0] === 0 && bytes[1] === 8 && bytes[2] === 0 && explicit ? BIG : "";
}

// Notes what is wanted; tells whether nothing of it can follow.
async function look(bytes, { at, syntax }, found) {
  if (syntax === DEFLATED) {
    bytes = await inflated(new Blob([bytes.subarray(at)]), HEADS[1]);
    at = 0;
  }
  // Some exporters write implicit elements under an explicit syntax.
  const encoding = { explicit: syntax !== IMPLICIT && isVr(bytes, at + 4), little: syntax !== BIG };
  const single = { wanted: WANTED, opened: new Set(), last: TAGS.burnedIn, found };
  at = walk(bytes, at, encoding, single);
  if (Number(text(found.get(TAGS.frames))) > 1 && !found.has(TAGS.thickness)) {
    // The groups of each frame follow; those of the first say enough.
    const grouped = { wanted: WANTED, opened: OPENED, last: FRAME_GROUPS, found };
    const said = () => found.has(TAGS.thickness) && found.has(TAGS.orientation);
    try {
      at = walk(bytes, at, encoding, grouped);
    } catch (problem) {
      if (!said()) throw problem;
    }
    return said() || at < bytes.length;
  }
  return at < bytes.length;
}

function told(found) {
  const say = (name) => text(found.get(TAGS[name]));
  const date = [say("acquisitionDate"), say("seriesDate"), say("studyDate")].find((day) => /^\d{8}/.test(day)) ?? "";
  return {
    study: say("study"), series: say("series"), instance: say("instance"),
    modality: say("modality"), number: say("number"), bodyPart: say("bodyPart"),
    description: words(found.get(TAGS.description), say("charset")),
    date: date && `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6, 8)}`,
    thickness: Number(say("thickness")) || null,
    orientation: orientation(say("orientation")),
    frames: Number(say("frames")) || 1,
    subject: say("subject"),
    // To be compared only (patients.js); it is not shown, and does not leave this computer.
    patient: patient(found, say("charset")),
    anonymous: say("identityRemoved") === "YES",
    burnedIn: say("burnedIn") !== "" && say("burnedIn") !== "NO",
    directory: found.has(FIRST_RECORD),
  };
}

function patient(found, charset) {
  const number = words(found.get(TAGS.patientId), charset);
  return number && `${number}\\${words(found.get(TAGS.issuer), charset)}`;
}

const text = (bytes) => (bytes ? ascii(bytes).replace(/[\0 ]+$/, "").trim() : "");

function words(bytes, charset) {
  if (!bytes) return "";
  const named = charset.split("\\").map((one) => CHARSETS[one] ?? CHARSETS[one.replace("ISO 2022 IR", "ISO_IR")]);
  return new TextDecoder(named.filter(Boolean).at(-1) ?? "latin1").decode(bytes).replace(/[\0 ]+$/, "").trim();
}

// Named as the server does: by the patient axis within 35° of the normal.
function orientation(cosines) {
  const [a, b, c, d, e, f] = cosines.split("\\").map(Number);
  const normal = [b * f - c * e, c * d - a * f, a * e - b * d].map(Math.abs);
  const size = Math.max(...normal);
  if (!(size > 0)) return "";
  return size >= Math.cos((35 * Math.PI) / 180) ? ["sagittal", "coronal", "axial"][normal.indexOf(size)] : "oblique";
}
