// Turns the bytes of a frame into values, away from the page: HTJ2K is unpacked, slope and intercept are applied.
import openjph from "@cornerstonejs/codec-openjph";
import wasm from "@cornerstonejs/codec-openjph/wasm?url";
import { type Frame, type Values, valuesOf } from "./values.ts";

interface Job {
  id: number;
  bytes: ArrayBuffer;
  packed: boolean;
  frame: Frame;
}

export type Answer = { id: number; values: Values; min: number; max: number } | { id: number; problem: string };

let codec: ReturnType<typeof openjph> | undefined;

async function unpacked(bytes: ArrayBuffer): Promise<ArrayBuffer> {
  codec ??= openjph({ locateFile: () => wasm });
  const decoder = new (await codec).HTJ2KDecoder();
  try {
    decoder.getEncodedBuffer(bytes.byteLength).set(new Uint8Array(bytes));
    decoder.decode();
    return new Uint8Array(decoder.getDecodedBuffer()).buffer; // a copy: the decoder's memory is used again
  } finally {
    decoder.delete();
  }
}

self.onmessage = async ({ data: { id, bytes, packed, frame } }: MessageEvent<Job>) => {
  try {
    const found = valuesOf(packed ? await unpacked(bytes) : bytes, frame);
    const answer: Answer = { id, ...found };
    self.postMessage(answer, { transfer: [found.values.buffer] });
  } catch (problem) {
    const answer: Answer = { id, problem: problem instanceof Error ? problem.message : String(problem) };
    self.postMessage(answer);
  }
};
