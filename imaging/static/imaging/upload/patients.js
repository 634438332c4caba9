// Asks whether the patients in the headers are those of the subject's earlier images. Their numbers stay on this computer:
// what is sent are digests, which the server keys before it compares them, and does not keep (imaging/deid/patients.py).

import { ask } from "./asking.js";
import { digest } from "./digest.js";

// Patients in one question.
const QUESTION = 100;

// Notes in each image the server's warning about its patient, if there is one.
export async function recognise(images, url) {
  const named = images.filter((image) => image.patient && !image.anonymous);
  const patients = [...new Set(named.map((image) => image.patient))];
  const warnings = new Map();
  for (let at = 0; at < patients.length; at += QUESTION) {
    const batch = patients.slice(at, at + QUESTION);
    const answer = await ask(url, { files: [], patients: await Promise.all(batch.map(digests)) });
    answer.patients.forEach(({ warning }, n) => warnings.set(batch[n], warning));
  }
  for (const image of named) image.stranger = warnings.get(image.patient);
}

async function digests(patient) {
  const [number, issuer] = patient.split("\\");
  return { number: await digestOf(number), issuer: await digestOf(issuer) };
}

// In capitals and single spaces; empty where zeros, dashes and the like fill the place of a number.
export async function digestOf(text) {
  const normal = text.replace(/\s+/g, " ").trim().toUpperCase();
  return /[^0X_.?* -]/.test(normal) ? digest(new Blob([normal])) : "";
}
