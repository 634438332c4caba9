// Pictures by their ids ("px:<series>/<slice>"): fetched from the house, decoded by a worker, described from the manifest.
import * as lib from "./library.ts";
import { addressOf, kindOf, type Kind, type Manifest, type Series } from "../manifest.ts";
import type { Answer } from "./decode.worker.ts";
import type { Values } from "./values.ts";

const SCHEME = "px";
const AGAIN_MS = [300, 1200, 4000];
const { MetadataModules, VOILUTFunctionType } = lib.Enums;

let pixelsUrl = "";
const known = new Map<string, Series>();

export const idOf = (series: Series, slice: number): string => `${SCHEME}:${series.key}/${slice}`;
export const idsOf = (series: Series): string[] => series.slices.map((_, n) => idOf(series, n + 1));

/** Series and slice (from 1) that an id names. */
export function pictureOf(id: string): { series: Series; slice: number } | undefined {
  const [key, slice] = id.slice(SCHEME.length + 1).split("/");
  const series = known.get(key ?? "");
  return series && { series, slice: Number(slice) };
}

/** Bytes that a picture takes once it is decoded. */
export const bytesOf = ({ rows, columns, samples, bits }: Kind): number =>
  rows * columns * samples * (samples > 1 ? 1 : Math.max(bits / 8, 2));

// --- the worker ---------------------------------------------------------------------------------------------------
const waiting = new Map<number, (answer: Answer) => void>();
let worker: Worker | undefined;
let jobs = 0;

function decoder(): Worker {
  if (worker) return worker;
  worker = new Worker(new URL("./decode.worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    waiting.get(data.id)?.(data);
    waiting.delete(data.id);
  };
  worker.onerror = () => {
    for (const [id, answer] of waiting) answer({ id, problem: "The decoder did not start." });
    waiting.clear();
  };
  return worker;
}

function decoded(bytes: ArrayBuffer, packed: boolean, series: Series, slice: number): Promise<Decoded> {
  const [, , , , slope, intercept] = series.slices[slice - 1] as Series["slices"][number];
  const factor = series.suv_factor ?? 1; // activity becomes the uptake value that windows and statistics speak of
  const { rows, columns, samples, bits, signed, float } = kindOf(series, slice);
  const frame = { rows, columns, samples, bits, signed, float, slope: slope * factor, intercept: intercept * factor };
  jobs += 1;
  const id = jobs;
  return new Promise((got, lost) => {
    waiting.set(id, (answer) => ("values" in answer ? got(answer) : lost(new Error(answer.problem))));
    decoder().postMessage({ id, bytes, packed, frame }, [bytes]);
  });
}

interface Decoded {
  values: Values;
  min: number;
  max: number;
}

// --- loading --------------------------------------------------------------------------------------------------------
/** Ask once more where the server was busy or the network away for a moment; what is refused stays refused. */
async function asked(address: string, signal: AbortSignal, again = AGAIN_MS.values()): Promise<Response> {
  const answer = await fetch(address, { signal }).catch((problem: unknown) => {
    if (signal.aborted) throw problem;
    return undefined;
  });
  if (answer?.ok) return answer;
  const wait = !answer || answer.status >= 500 ? again.next().value : undefined;
  if (wait === undefined) throw new Error(`The server answered ${answer?.status ?? "nothing"}.`);
  await new Promise((done) => setTimeout(done, wait));
  return asked(address, signal, again);
}

async function load(id: string, signal: AbortSignal): Promise<lib.Types.IImage> {
  const found = pictureOf(id);
  if (!found) throw new Error("The page does not know this picture.");
  const { series, slice } = found;
  const answer = await asked(addressOf(pixelsUrl, series.key, slice), signal);
  const packed = answer.headers.get("Content-Type")?.startsWith("image/jphc") ?? false;
  return imageOf(id, series, slice, await decoded(await answer.arrayBuffer(), packed, series, slice));
}

/** Colour as four samples, which the processor's canvas takes. */
function withAlpha(rgb: Values): Uint8Array {
  const rgba = new Uint8Array((rgb.length / 3) * 4).fill(255);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) rgba.set(rgb.subarray(from, from + 3), to);
  return rgba;
}

function imageOf(id: string, series: Series, slice: number, { values, min, max }: Decoded): lib.Types.IImage {
  const { rows, columns, photometric, samples } = kindOf(series, slice);
  const color = samples > 1;
  const rgba = color && lib.getShouldUseCPURendering();
  const scalarData = rgba ? withAlpha(values) : values;
  const numberOfComponents = color ? (rgba ? 4 : 3) : 1;
  const [centre, width] = color ? [127.5, 256] : (series.window ?? [(min + max + 1) / 2, Math.max(max - min, 1)]);
  const plane = planeOf(series, slice);
  const voxelManager = lib.utilities.VoxelManager.createImageVoxelManager({
    width: columns,
    height: rows,
    numberOfComponents,
    scalarData,
  });
  return {
    imageId: id,
    minPixelValue: min,
    maxPixelValue: max,
    slope: 1,
    intercept: 0,
    windowCenter: centre,
    windowWidth: width,
    voiLUTFunction: VOILUTFunctionType.LINEAR,
    rows,
    columns,
    height: rows,
    width: columns,
    color,
    rgba,
    numberOfComponents,
    columnPixelSpacing: plane.columnPixelSpacing,
    rowPixelSpacing: plane.rowPixelSpacing,
    invert: photometric === "MONOCHROME1",
    photometricInterpretation: photometric,
    sizeInBytes: scalarData.byteLength,
    dataType: scalarData.constructor.name as lib.Types.PixelDataTypedArrayString,
    isPreScaled: true,
    preScale: { enabled: true, scaled: true, scalingParameters: { rescaleSlope: 1, rescaleIntercept: 0 } },
    voxelManager: voxelManager as lib.Types.IVoxelManager<number> & lib.Types.IVoxelManager<lib.Types.RGB>,
    getPixelData: () => voxelManager.getScalarData(),
    getCanvas: () => canvasOf(scalarData, columns, rows),
  } as lib.Types.IImage;
}

function canvasOf(rgba: ArrayLike<number>, width: number, height: number): HTMLCanvasElement {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d")?.putImageData(new ImageData(Uint8ClampedArray.from(rgba), width, height), 0, 0);
  return canvas;
}

// --- what Cornerstone asks about a picture ---------------------------------------------------------------------------
function planeOf(series: Series, slice: number) {
  const { rows, columns, spacing, orientation } = kindOf(series, slice);
  const cosines = orientation ?? [1, 0, 0, 0, 1, 0];
  const [rowPixelSpacing, columnPixelSpacing] = spacing ?? [1, 1];
  return {
    frameOfReferenceUID: series.space || series.key,
    rows,
    columns,
    imageOrientationPatient: cosines,
    rowCosines: cosines.slice(0, 3),
    columnCosines: cosines.slice(3),
    imagePositionPatient: series.slices[slice - 1]?.[3] ?? [0, 0, slice - 1],
    pixelSpacing: [rowPixelSpacing, columnPixelSpacing],
    rowPixelSpacing,
    columnPixelSpacing,
    sliceThickness: series.interval ?? 1,
    sliceLocation: series.slices[slice - 1]?.[2] ?? slice - 1,
    usingDefaultValues: !orientation,
  };
}

function described(type: string, id: string): unknown {
  const found = typeof id === "string" && id.startsWith(`${SCHEME}:`) ? pictureOf(id) : undefined;
  if (!found) return undefined;
  const { series, slice } = found;
  const kind = kindOf(series, slice);
  const bits = kind.float ? 32 : kind.bits;
  switch (type) {
    case MetadataModules.IMAGE_PLANE:
      return planeOf(series, slice);
    case MetadataModules.IMAGE_PIXEL:
      return {
        samplesPerPixel: kind.samples,
        photometricInterpretation: kind.photometric,
        rows: kind.rows,
        columns: kind.columns,
        bitsAllocated: bits,
        bitsStored: bits,
        highBit: bits - 1,
        pixelRepresentation: kind.signed ? 1 : 0,
      };
    case MetadataModules.GENERAL_SERIES:
      return { modality: series.modality, seriesInstanceUID: series.key, seriesNumber: 1, studyInstanceUID: "" };
    case MetadataModules.MODALITY_LUT:
      return { rescaleSlope: 1, rescaleIntercept: 0, modalityLUTSequence: undefined };
    case MetadataModules.VOI_LUT:
      return series.window ? { windowCenter: [series.window[0]], windowWidth: [series.window[1]] } : undefined;
    case MetadataModules.SOP_COMMON:
      return { sopInstanceUID: series.slices[slice - 1]?.[0], sopClassUID: "" };
    default:
      return undefined;
  }
}

let registered = false;

/** Make the manifest's pictures known to Cornerstone. */
export function register(manifest: Manifest): void {
  pixelsUrl = manifest.pixels_url;
  for (const { series } of manifest.timepoints) for (const each of series) known.set(each.key, each);
  if (registered) return;
  registered = true;
  decoder(); // starts while the first bytes are on their way
  lib.metaData.addProvider(described, 10_000);
  lib.imageLoader.registerImageLoader(SCHEME, (id) => {
    const gone = new AbortController();
    return { promise: load(id, gone.signal), cancelFn: () => gone.abort() };
  });
}
