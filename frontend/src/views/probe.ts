// What lies under the pointer: values with their units, where the picture is there in full.
import { heldValues } from "../engine/index.ts";
import type { Series } from "../manifest.ts";
import { pixelOfPoint } from "./geometry.ts";
import type { PlacedCell } from "./placed_cell.ts";

export interface Value {
  series: Series;
  value: number;
}

/** What the values of a series are: uptake, Hounsfield units, or as its pixels say. */
export const unitOf = ({ suv_factor, unit }: Series): string => (suv_factor ? "SUV" : unit);

export const said = ({ series, value }: Value): string => {
  const unit = unitOf(series);
  const text = unit === "HU" ? Math.round(value).toString() : value.toFixed(unit === "SUV" ? 2 : 1);
  if (unit === "SUV") return `SUV ${text}`;
  const plain = `${text} ${unit}`.trim();
  return series.suv_reason ? `${plain}; SUV undefined: ${series.suv_reason}` : plain;
};

/** The values at a place of a viewport (CSS pixels from its corner), the chief one first. */
export function valuesAt(cell: PlacedCell, x: number, y: number): Value[] {
  const { face, series, slice } = cell;
  if (face) {
    const point = face.toPatient(x, y);
    return point ? face.valuesAt(point) : [];
  }
  if (!series || !slice || series.samples > 1) return [];
  const [column, row] = pixelOfPoint(series, slice, cell.view.toPatient(x, y)).map(Math.round) as [number, number];
  if (column < 0 || row < 0 || column >= series.columns || row >= series.rows) return [];
  const value = heldValues(series, slice)?.[row * series.columns + column];
  return value === undefined ? [] : [{ series, value }];
}

/** Write what lies under the pointer into the viewport's corner. */
export function probe(cell: PlacedCell): void {
  const place = document.createElement("span");
  place.className = "px-mark-value";
  place.dataset.value = "";
  cell.root.append(place);
  cell.root.addEventListener("pointermove", (event) => {
    const box = cell.root.getBoundingClientRect();
    place.textContent = valuesAt(cell, event.clientX - box.left, event.clientY - box.top).map(said).join("  ");
  });
  cell.root.addEventListener("pointerleave", () => {
    place.textContent = "";
  });
}
