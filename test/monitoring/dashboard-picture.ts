/**
 * A dashboard as one SVG: rows, stats and time series, laid out by their grid positions as Grafana does.
 *
 * Draws what it is given; asks nobody for anything.
 */
import { type Axis, linearAxis, logAxis, written, writtenMark } from "./axis.ts";
import type { Panel } from "./dashboard.ts";

export interface Line {
  readonly name: string;
  /** One a second; NaN where there is none. */
  readonly values: readonly number[];
}

export interface DrawnPanel {
  readonly panel: Panel;
  readonly lines: readonly Line[];
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

const COLUMN_PX = 60;
const ROW_PX = 32;
const GAP_PX = 8;
const HEAD_PX = 64;
const CHARACTER_PX = 6.3;

const COLOURS: Readonly<Record<string, string>> = {
  green: "#3f9142",
  yellow: "#d9a800",
  blue: "#2f6fd0",
  "light-blue": "#86b3f0",
  orange: "#ee7a1a",
  red: "#d6303f",
  "dark-red": "#8f1d28",
  purple: "#8f5fc4",
  "dark-purple": "#5b3a86",
  text: "#6b7280",
};
/** For names of things, such as registry hosts. None is green, yellow, orange or red: those judge. */
const PALETTE = ["#2f6fd0", "#8f5fc4", "#0f8f8f", "#a0522d", "#c2418c", "#33475b"];

/** Lines closer than this lie on each other: the later one is dashed there, and shows the earlier. */
const CLOSE_PX = 1.5;
const DASHES = ' stroke-dasharray="5 7" stroke-linecap="butt"';

export function drawDashboard(title: string, panels: readonly DrawnPanel[], lengthS: number): string {
  const width = 24 * COLUMN_PX + 2 * GAP_PX;
  const bottom = Math.max(...panels.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h));
  const height = HEAD_PX + bottom * ROW_PX + GAP_PX;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    `  font-family="Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif" font-size="11" fill="#24292f">`,
    `<rect width="${width}" height="${height}" fill="#f3f4f6"/>`,
    text(GAP_PX * 2, 40, title, 'font-size="22" font-weight="600"'),
    ...panels.map((drawn) => panelOf(drawn, lengthS, colourByName(panels))),
    "</svg>",
  ].join("\n")}\n`;
}

/** One colour for a name that has none of its own, in whichever panel it is. */
function colourByName(panels: readonly DrawnPanel[]): ReadonlyMap<string, string> {
  const names = panels.flatMap(({ panel, lines }) =>
    lines.map(({ name }) => name).filter((name) => fixedColour(panel, name) === undefined),
  );
  return new Map([...new Set(names)].map((name, index) => [name, PALETTE[index % PALETTE.length] as string]));
}

function panelOf(drawn: DrawnPanel, lengthS: number, colours: ReadonlyMap<string, string>): string {
  const { gridPos, type, title } = drawn.panel;
  const box: Box = {
    x: GAP_PX + gridPos.x * COLUMN_PX + GAP_PX / 2,
    y: HEAD_PX + gridPos.y * ROW_PX + GAP_PX / 2,
    w: gridPos.w * COLUMN_PX - GAP_PX,
    h: gridPos.h * ROW_PX - GAP_PX,
  };
  if (type === "row") return text(box.x + 4, box.y + 18, title, 'font-size="15" font-weight="600"');
  return [
    "<g>",
    `<rect x="${box.x}" y="${box.y}" width="${box.w}" height="${box.h}" rx="3" fill="#fff" stroke="#d8dbe0"/>`,
    text(box.x + 10, box.y + 19, title, 'font-size="13" font-weight="600"'),
    type === "stat" ? statOf(drawn, box) : chartOf(drawn, box, lengthS, colours),
    "</g>",
  ].join("\n");
}

function statOf({ panel, lines }: DrawnPanel, box: Box): string {
  const { unit = "none", decimals, thresholds } = panel.fieldConfig?.defaults ?? {};
  const [line] = lines;
  const value = line?.values.findLast((candidate) => !Number.isNaN(candidate));
  const step = thresholds?.steps.findLast((candidate) => candidate.value === null || (value ?? 0) >= candidate.value);
  const isName = panel.options?.textMode === "name";
  const shown =
    line === undefined || value === undefined ? "no data" : isName ? line.name : written(value, unit, decimals);
  const fill = COLOURS[step?.color ?? "text"];
  return text(box.x + box.w / 2, box.y + box.h / 2 + 24, shown, `font-size="36" text-anchor="middle" fill="${fill}"`);
}

function chartOf(
  { panel, lines }: DrawnPanel,
  box: Box,
  lengthS: number,
  colourOf: ReadonlyMap<string, string>,
): string {
  const { unit = "none", custom } = panel.fieldConfig?.defaults ?? {};
  const isStacked = custom?.stacking.mode === "normal";
  // A line that is 0 throughout says nothing and hides the others' foot.
  const shown = lines.filter(({ values }) => values.some((value) => value !== 0 && !Number.isNaN(value)));
  const colours = shown.map(({ name }) => String(fixedColour(panel, name) ?? colourOf.get(name)));
  if (shown.length === 0)
    return text(box.x + box.w / 2, box.y + box.h / 2, "no data", 'text-anchor="middle" font-size="13"');
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
  // The highest of a stack first, so that each lower one covers what is not its own.
  return [gridOf(axis, unit, area, lengthS), ...(isStacked ? drawings.reverse() : drawings), legend.svg].join("\n");
}

/** A line that rests at 0 would only cross out those that do not. */
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
  let path = isFilled ? `M${round(area.x)} ${round(bottom)}` : "";
  let isPenDown = isFilled;
  for (const [second, value] of values.entries()) {
    const place = axis.place(value);
    if (!Number.isFinite(place)) {
      isPenDown = isFilled;
      continue;
    }
    const x = round(area.x + (second / lengthS) * area.w);
    path += `${isPenDown ? "L" : "M"}${x} ${round(bottom - Math.min(Math.max(place, 0), 1) * area.h)}`;
    // A lone value is a dot: a line of no length with a round end.
    if (!isPenDown) path += "h0";
    isPenDown = true;
  }
  if (isFilled) path += `L${round(area.x + area.w)} ${round(bottom)}Z`;
  const cap = style.includes("linecap") ? "" : ' stroke-linecap="round"';
  return path === "" ? "" : `<path d="${path}" ${style} stroke-linejoin="round"${cap}/>`;
}

function gridOf(axis: Axis, unit: string, area: Box, lengthS: number): string {
  const pieces: string[] = [];
  for (const mark of axis.marks) {
    const y = round(area.y + area.h * (1 - axis.place(mark)));
    pieces.push(`<path d="M${area.x} ${y}H${area.x + area.w}" stroke="#e5e7eb"/>`);
    pieces.push(text(area.x - 6, y + 4, writtenMark(axis, mark, unit), 'text-anchor="end" fill="#57606a"'));
  }
  for (let second = 0; second <= lengthS; second += 30) {
    const x = round(area.x + (second / lengthS) * area.w);
    const label = `${Math.floor(second / 60)}:${String(second % 60).padStart(2, "0")}`;
    pieces.push(`<path d="M${x} ${area.y}V${area.y + area.h}" stroke="#eef0f3"/>`);
    pieces.push(text(x, area.y + area.h + 15, label, 'text-anchor="middle" fill="#57606a"'));
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
    return `<rect x="${left}" y="${y - 6}" width="12" height="4" rx="1" fill="${colours[index]}"/>${text(left + 16, y, name)}`;
  });
  return { svg: svg.join("\n"), heightPx };
}

function fixedColour({ fieldConfig }: Panel, name: string): string | undefined {
  const override = fieldConfig?.overrides.find(({ matcher }) => matcher.options === name);
  return COLOURS[override?.properties[0]?.value.fixedColor ?? ""];
}

function text(x: number, y: number, content: string, attributes = ""): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
