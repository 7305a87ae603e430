/** A dashboard as one SVG: rows, stats and time series, laid out by their grid positions as Grafana does. Pure. */

import type { Panel } from "../monitoring/dashboard.ts";
import { written } from "./axis.ts";
import { chartOf, type DrawnPanel } from "./chart-svg.ts";
import { type Box, textAt } from "./svg.ts";

const COLUMN_PX = 60;
const ROW_PX = 32;
const GAP_PX = 8;
const HEAD_PX = 64;

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
/** For names of things, such as registry hosts. None is green, yellow, orange or red, because those colours judge. */
const PALETTE = ["#2f6fd0", "#8f5fc4", "#0f8f8f", "#a0522d", "#c2418c", "#33475b"];

export function drawDashboard(title: string, panels: readonly DrawnPanel[], lengthS: number): string {
  const width = 24 * COLUMN_PX + 2 * GAP_PX;
  const bottom = Math.max(...panels.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h));
  const height = HEAD_PX + bottom * ROW_PX + GAP_PX;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    `  font-family="Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif" font-size="11" fill="#24292f">`,
    `<rect width="${width}" height="${height}" fill="#f3f4f6"/>`,
    textAt(GAP_PX * 2, 40, title, 'font-size="22" font-weight="600"'),
    ...panels.map((drawn) => panelOf(drawn, lengthS, colourByName(panels))),
    "</svg>",
  ].join("\n")}\n`;
}

/** The same colour in all panels for a name that has none of its own. */
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
  if (type === "row") return textAt(box.x + 4, box.y + 18, title, 'font-size="15" font-weight="600"');
  return [
    "<g>",
    `<rect x="${box.x}" y="${box.y}" width="${box.w}" height="${box.h}" rx="3" fill="#fff" stroke="#d8dbe0"/>`,
    textAt(box.x + 10, box.y + 19, title, 'font-size="13" font-weight="600"'),
    type === "stat"
      ? statOf(drawn, box)
      : chartOf(drawn, box, lengthS, (name) => String(fixedColour(drawn.panel, name) ?? colours.get(name))),
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
  return textAt(box.x + box.w / 2, box.y + box.h / 2 + 24, shown, `font-size="36" text-anchor="middle" fill="${fill}"`);
}

function fixedColour({ fieldConfig }: Panel, name: string): string | undefined {
  const override = fieldConfig?.overrides.find(({ matcher }) => matcher.options === name);
  return COLOURS[override?.properties[0]?.value.fixedColor ?? ""];
}
