// What a coordinator should know before a byte is sent: {tone, text}, "warn" where the images may not be usable. Values
// of a patient's identifiers are compared here and never shown.

import { day, plural } from "./words.js";

export function warningsFor(items, series, matched, expected) {
  const images = items.flatMap((item) => item.images ?? []);
  return [
    ...ofPeople(images, expected),
    ...ofModalities(series, expected),
    ...ofRules(items, matched, expected),
    ...ofDates(images, expected),
    ...ofPixels(images),
    ...ofArchives(items),
    ...ofWhatIsKnown(items),
  ];
}

const warn = (text) => ({ tone: "warn", text });
const info = (text) => ({ tone: "info", text });
const quoted = (rule) => `“${rule.label}” (${rule.modality})`;

function ofPeople(images, { subject }) {
  const said = [];
  const patients = new Set(images.map((image) => image.patient).filter(Boolean));
  if (patients.size > 1) {
    said.push(warn(`These images are of ${patients.size} different patients. Send those of subject ${subject} only.`));
  }
  const others = images.filter((image) => image.subject && image.subject !== subject).length;
  if (others) {
    said.push(warn(`${plural(others, "image names", "images name")} another trial subject in the header than ${subject}. Check who was scanned.`));
  }
  const strangers = new Map();
  for (const { stranger } of images) if (stranger) strangers.set(stranger, (strangers.get(stranger) ?? 0) + 1);
  for (const [sentence, count] of strangers) said.push(warn(`${plural(count, "image")}: ${sentence}`));
  return said;
}

function ofModalities(series, { series: rules }) {
  const wanted = new Set(rules.map((rule) => rule.modality));
  const others = series.filter((one) => !wanted.has(one.modality));
  const names = [...new Set(others.map((one) => one.modality || "of no modality"))].join(", ");
  const charter = [...wanted].join(", ");
  if (!others.length) return [];
  return [warn(`${plural(others.length, "series is", "series are")} ${names}; the charter asks for ${charter}. Check that this is the right scan.`)];
}

function ofRules(items, matched, { series: rules }) {
  const unseen = items.some((item) => item.unseen);
  return rules.flatMap((rule) => {
    const one = matched.get(rule.label);
    if (!one) return rule.required && !rule.here && !unseen ? [warn(`The required series ${quoted(rule)} is missing.`)] : [];
    const said = [];
    if (one.slices < (rule.min_instances ?? 0)) {
      said.push(warn(`${quoted(rule)}: ${plural(one.slices, "image")}; at least ${rule.min_instances} are expected.`));
    }
    if (rule.max_slice_thickness_mm !== null && one.thickness > rule.max_slice_thickness_mm) {
      said.push(warn(`${quoted(rule)}: slices of ${one.thickness} mm; at most ${rule.max_slice_thickness_mm} mm are allowed.`));
    }
    if (rule.orientation && one.orientation && one.orientation !== rule.orientation) {
      said.push(warn(`${quoted(rule)}: the slices are ${one.orientation}; ${rule.orientation} ones are expected.`));
    }
    return said;
  });
}

function ofDates(images, { window }) {
  const days = [...new Set(images.map((image) => image.date).filter(Boolean))].sort();
  const outside = days.filter((date) => date < window.from || date > window.to);
  if (!outside.length) return [];
  const span = `${day(window.from)} to ${day(window.to)}`;
  return [warn(`Scanned on ${outside.slice(0, 3).map(day).join(", ")}; this visit's window is ${span}. Check that this is the right timepoint.`)];
}

function ofPixels(images) {
  const burned = images.filter((image) => image.burnedIn).length;
  if (!burned) return [];
  return [warn(`${plural(burned, "image says", "images say")} that text is burned into the pixels. Such images are held back; export them without annotation.`)];
}

function ofArchives(items) {
  return [
    ...items.filter((item) => item.unseen).map((item) => warn(`${item.path} could not be looked into here. ${item.unseen}`)),
    ...items.filter((item) => item.others).map((item) => info(`${plural(item.others, "file")} in ${item.path} ${item.others === 1 ? "is" : "are"} not DICOM and will be refused.`)),
  ];
}

function ofWhatIsKnown(items) {
  const here = items.filter((item) => item.known === "have").length;
  const begun = items.filter((item) => item.known === "partial").length;
  const elsewhere = new Map();
  for (const { warning } of items) if (warning) elsewhere.set(warning, (elsewhere.get(warning) ?? 0) + 1);
  return [
    ...[...elsewhere].map(([sentence, count]) => warn(count > 1 ? `${plural(count, "file")}: ${sentence}` : sentence)),
    ...(here ? [info(`${plural(here, "file is", "files are")} already here and will not be sent again.`)] : []),
    ...(begun ? [info(`${plural(begun, "file was", "files were")} cut off and will go on from there.`)] : []),
  ];
}
