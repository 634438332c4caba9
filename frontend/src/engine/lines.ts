// The words beside a mark while it is drawn. What counts is measured by the server from the points.
import type { ToolName } from "../manifest.ts";

/** Statistics as Cornerstone keeps them, by tool. */
interface Stats {
  length?: number;
  width?: number;
  unit?: string;
  area?: number;
  areaUnit?: string;
  mean?: number;
  stdDev?: number;
  min?: number;
  max?: number;
  index?: readonly number[];
  angle?: number | string;
  modalityUnit?: string;
}

interface Data {
  label?: string;
  cachedStats: Record<string, Stats>;
}

const said = (value: number | undefined, digits = 1): string =>
  value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(digits);

type ValueAt = (target: string, index: readonly number[]) => number | number[] | undefined;

const WORDS: Record<Exclude<ToolName, "point">, (stats: Stats) => string[]> = {
  length: ({ length, unit }) => [`${said(length)} ${unit ?? "mm"}`],
  bidirectional: ({ length, width, unit }) => [`${said(length)} × ${said(width)} ${unit ?? "mm"}`],
  ellipse: (stats) => region(stats),
  freehand: (stats) => region(stats),
  angle: ({ angle }) => [typeof angle === "number" ? `${said(angle)}°` : "–"],
  brush: () => [],
};

function region({ area, areaUnit, mean, stdDev, min, max, modalityUnit = "" }: Stats): string[] {
  return [
    `${said(area, 0)} ${areaUnit ?? "mm²"}`,
    `${said(mean)} ± ${said(stdDev)} ${modalityUnit}`,
    `${said(min, 0)} to ${said(max, 0)} ${modalityUnit}`,
  ];
}

function at(target: string, { index, modalityUnit }: Stats, valueAt: ValueAt): string[] {
  const value = index && valueAt(target, index);
  if (value === undefined) return [];
  return [`${[value].flat().map((each) => said(each, Number.isInteger(each) ? 0 : 1)).join(", ")} ${modalityUnit ?? ""}`];
}

export function linesOf(tool: ToolName, valueAt: ValueAt): (data: Data, target: string) => string[] {
  return ({ label, cachedStats }, target) => {
    const stats = cachedStats[target];
    const words = !stats ? [] : tool === "point" ? at(target, stats, valueAt) : WORDS[tool](stats);
    return [...(label ? [label] : []), ...words];
  };
}
