/** One panel's time series: curves, areas that are stacked, axes, a legend. Pure. */
import type { Panel } from "../monitoring/dashboard.ts";
import { type Axis, linearAxis, logAxis, writtenMark } from "./axis.ts";
import { type Box, rounded, textAt } from "./svg.ts";

export interface Line {
  readonly name: string;
  /** One a second; NaN if there is none. */
  readonly values: readonly number[];
}

export interface DrawnPanel {
  readonly panel: Panel;
  readonly lines: readonly Line[];
}

const CHARACTER_PX = 6.3;

/** Lines closer than this cover each other: the later one is dashed there, so that the earlier one shows. */
const CLOSE_PX = 1.5;
const DASHES = ' stroke-dasharray="5 7" stroke-linecap="butt"';

/** @param colourOf the colour of a line, by its name. */
export function chartOf(
  { panel, lines }: DrawnPanel,
  box: Box,
  lengthS: number,
  colourOf: (name: string) => string,
): string {
  const { unit = "none", custom } = panel.fieldConfig?.defaults ?? {};
  const isStacked = custom?.stacking.mode === "normal";
  // A line that is always 0 says nothing and hides the lower end of the others.
  const shown = lines.filter(({ values }) => values.some((value) => value !== 0 && !Number.isNaN(value)));
  const colours = shown.map(({ name }) => colourOf(name));
  if (shown.length === 0)
    return textAt(box.x + box.w / 2, box.y + box.h / 2, "no data", 'text-anchor="middle" font-size="13"');
  const legend = legendOf(shown, colours, box);
  const area: Box = { x: box.x + 58, y: box.y + 32, w: box.w - 72, h: box.h - 56 - legend.heightPx };

  const tops = isStacked ? stacked(shown) : shown.map(({ values }) => values.map(withoutRest));
  const all = tops.flat().filter((value) => !Number.isNaN(value));
  const axis = custom?.scaleDistribution.type === "log" ? logAxis(all) : linearAxis(Math.max(0, ...all), unit);
  const drawings = tops.map((values, index) => {
    const colour = colours[index] as string;
    if (isStacked) return curve(values, axis, area, lengthS, `fill="${colour}" fill-opacity="0.85"`, true);
    const style = `fill="none" stroke="${colour}" stroke-width="2"`;
    const isCovering = values.map((value, second) =>
      tops.slice(0, index).some((other) => isClose(axis, area, value, other[second])),
    );
    const at = (second: number) => isCovering[second] !== false;
    const plain = values.map((value, second) => (at(second - 1) && at(second) && at(second + 1) ? Number.NaN : value));
    const dashed = values.map((value, second) => (isCovering[second] ? value : Number.NaN));
    return `${curve(plain, axis, area, lengthS, style)}${curve(dashed, axis, area, lengthS, style + DASHES)}`;
  });
  // The highest of a stack first, so that each lower one covers the part that belongs to it.
  return [gridOf(axis, unit, area, lengthS), ...(isStacked ? drawings.reverse() : drawings), legend.svg].join("\n");
}

/** Leaves out the values of a line that stays at 0, because it would only cross the others. */
function withoutRest(value: number, index: number, values: readonly number[]): number {
  return value === 0 && !values[index - 1] && !values[index + 1] ? Number.NaN : value;
}

function isClose(axis: Axis, area: Box, value: number, other: number | undefined): boolean {
  return other !== undefined && Math.abs(axis.place(value) - axis.place(other)) * area.h < CLOSE_PX;
}

function stacked(lines: readonly Line[]): number[][] {
  const sums: number[] = [];
  return lines.map(({ values }) =>
    values.map((value, index) => {
      sums[index] = (sums[index] ?? 0) + (Number.isNaN(value) ? 0 : value);
      return sums[index];
    }),
  );
}

function curve(
  values: readonly number[],
  axis: Axis,
  area: Box,
  lengthS: number,
  style: string,
  isFilled = false,
): string {
  const bottom = area.y + area.h;
  let path = isFilled ? `M${rounded(area.x)} ${rounded(bottom)}` : "";
  let isPenDown = isFilled;
  for (const [second, value] of values.entries()) {
    const place = axis.place(value);
    if (!Number.isFinite(place)) {
      isPenDown = isFilled;
      continue;
    }
    const x = rounded(area.x + (second / lengthS) * area.w);
    path += `${isPenDown ? "L" : "M"}${x} ${rounded(bottom - Math.min(Math.max(place, 0), 1) * area.h)}`;
    // A lone value is a dot: a line of no length with a round end.
    if (!isPenDown) path += "h0";
    isPenDown = true;
  }
  if (isFilled) path += `L${rounded(area.x + area.w)} ${rounded(bottom)}Z`;
  const cap = style.includes("linecap") ? "" : ' stroke-linecap="round"';
  return path === "" ? "" : `<path d="${path}" ${style} stroke-linejoin="round"${cap}/>`;
}

function gridOf(axis: Axis, unit: string, area: Box, lengthS: number): string {
  const pieces: string[] = [];
  for (const mark of axis.marks) {
    const y = rounded(area.y + area.h * (1 - axis.place(mark)));
    pieces.push(`<path d="M${area.x} ${y}H${area.x + area.w}" stroke="#e5e7eb"/>`);
    pieces.push(textAt(area.x - 6, y + 4, writtenMark(axis, mark, unit), 'text-anchor="end" fill="#57606a"'));
  }
  for (let second = 0; second <= lengthS; second += 30) {
    const x = rounded(area.x + (second / lengthS) * area.w);
    const label = `${Math.floor(second / 60)}:${String(second % 60).padStart(2, "0")}`;
    pieces.push(`<path d="M${x} ${area.y}V${area.y + area.h}" stroke="#eef0f3"/>`);
    pieces.push(textAt(x, area.y + area.h + 15, label, 'text-anchor="middle" fill="#57606a"'));
  }
  return pieces.join("\n");
}

function legendOf(lines: readonly Line[], colours: readonly string[], box: Box): { svg: string; heightPx: number } {
  const placed: { x: number; line: number }[] = [];
  let x = 0;
  let line = 0;
  for (const { name } of lines) {
    const w = 24 + name.length * CHARACTER_PX;
    if (x > 0 && x + w > box.w - 24) {
      x = 0;
      line += 1;
    }
    placed.push({ x, line });
    x += w;
  }
  const heightPx = (line + 1) * 16;
  const svg = lines.map(({ name }, index) => {
    const at = placed[index] as { x: number; line: number };
    const left = box.x + 12 + at.x;
    const y = box.y + box.h - 10 - (line - at.line) * 16;
    return `<rect x="${left}" y="${y - 6}" width="12" height="4" rx="1" fill="${colours[index]}"/>${textAt(left + 16, y, name)}`;
  });
  return { svg: svg.join("\n"), heightPx };
}
