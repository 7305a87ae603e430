/** docs/pictures/fleet.svg: requests a second over time, one panel for each incident and service. */

import { type Runs, spanOf } from "./fleet-tables.ts";
import { CONTENDERS, type Contender } from "./nodes.ts";
import type { ServiceName } from "./upstream-model.ts";

const COLOURS: Readonly<Record<Contender, string>> = { broker: "#0b62a8", exec: "#d1480a", cachedExec: "#7d8590" };
const INCIDENT_COLOUR = "#ffefc4";
const SERVICES: Readonly<Record<ServiceName, string>> = {
  metadata: "metadata service (sum of all nodes)",
  auth: "auth service",
  tokens: "token service",
};

const PANEL = { width: 330, height: 190, left: 58, top: 34, right: 14, bottom: 34 };
const MARGIN = { top: 74, left: 26, bottom: 30 };
/** Decades of the vertical axis: 0.1 to a million requests a second. */
const LOWEST = -1;
const HIGHEST = 6;

export function drawFleet(all: readonly Runs[]): string {
  const width = MARGIN.left + 3 * PANEL.width + 10;
  const height = MARGIN.top + all.length * (PANEL.height + 26) + MARGIN.bottom;
  const rows = all.map((runs, row) => {
    const top = MARGIN.top + row * (PANEL.height + 26);
    const panels = (Object.keys(SERVICES) as ServiceName[]).map((service, column) =>
      drawPanel(runs, service, MARGIN.left + column * PANEL.width, top + 22),
    );
    return [text(MARGIN.left + 8, top + 14, runs.broker.scenario.title, "row"), ...panels].join("\n");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Requests a second of 10 000 nodes at three services, for three ways of getting credentials">
<style>
text { font: 11px "Helvetica Neue", Arial, sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: bold }
.row { font-size: 13px; font-weight: bold }
.panel { font-size: 11px; fill: #57606a }
.tick { font-size: 10px; fill: #57606a }
</style>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${text(MARGIN.left + 8, 26, "What 10 000 nodes ask of Oracle's services", "title")}
${drawLegend(MARGIN.left + 8, 50)}
${rows.join("\n")}
${text(MARGIN.left + 1.5 * PANEL.width, height - 12, "minutes since the incident began", "", "middle")}
${`<g transform="translate(16 ${(MARGIN.top + height) / 2}) rotate(-90)">${text(0, 0, "requests a second (logarithmic)", "", "middle")}</g>`}
</svg>
`;
}

function drawLegend(left: number, y: number): string {
  const names = Object.keys(CONTENDERS) as Contender[];
  const marks = names.map((name, index) => {
    const x = left + index * 160;
    return `${line(x, y - 4, x + 24, y - 4, COLOURS[name], 2.2)}${text(x + 30, y, CONTENDERS[name])}`;
  });
  const x = left + names.length * 160 + 20;
  return [
    ...marks,
    line(x, y - 4, x + 24, y - 4, "#24292f", 2.2),
    text(x + 30, y, "average of a minute"),
    line(x + 150, y - 4, x + 174, y - 4, "#24292f", 0.7),
    text(x + 180, y, "its highest second"),
    `<rect x="${x + 300}" y="${y - 11}" width="24" height="14" fill="${INCIDENT_COLOUR}"/>`,
    text(x + 330, y, "the incident lasts"),
  ].join("\n");
}

function drawPanel(runs: Runs, service: ServiceName, x: number, y: number): string {
  const { scenario } = runs.broker;
  const [fromS, untilS] = spanOf(scenario);
  const plot = {
    left: x + PANEL.left,
    right: x + PANEL.width - PANEL.right,
    top: y + PANEL.top - 14,
    bottom: y + PANEL.height - PANEL.bottom,
  };
  const minutes = scenario.lengthS / 60;
  const xOf = (minute: number) => plot.left + (minute / minutes) * (plot.right - plot.left);
  const yOf = (requests: number) => {
    const share = (Math.log10(Math.max(requests, 10 ** LOWEST)) - LOWEST) / (HIGHEST - LOWEST);
    return plot.bottom - share * (plot.bottom - plot.top);
  };

  const parts = [text(plot.left, plot.top - 7, SERVICES[service], "panel")];
  const incidentS = scenario.outageS ?? (scenario.restartsPerSecond && 10_000 / scenario.restartsPerSecond) ?? 0;
  parts.push(
    `<rect x="${round(xOf(0))}" y="${plot.top}" width="${round(xOf(incidentS / 60) - xOf(0))}" height="${plot.bottom - plot.top}" fill="${INCIDENT_COLOUR}"/>`,
  );
  for (let decade = LOWEST; decade <= HIGHEST; decade++) {
    parts.push(line(plot.left, yOf(10 ** decade), plot.right, yOf(10 ** decade), "#d8dee4", 0.7));
    parts.push(text(plot.left - 6, yOf(10 ** decade) + 3.5, decadeName(decade), "tick", "end"));
  }
  for (let minute = 0; minute <= minutes; minute += 30) {
    parts.push(line(xOf(minute), plot.bottom, xOf(minute), plot.bottom + 4, "#57606a", 0.8));
    parts.push(text(xOf(minute), plot.bottom + 15, String(minute), "tick", "middle"));
  }
  parts.push(line(plot.left, plot.bottom, plot.right, plot.bottom, "#57606a", 0.8));
  for (const name of ["cachedExec", "exec", "broker"] as const) {
    const asked = runs[name].traffic[service].asked;
    const means = asked.minutes(fromS, untilS);
    const peaks = means.map((_, minute) => asked.peakSecond(fromS + 60 * minute, fromS + 60 * minute + 60));
    parts.push(steps(peaks, xOf, yOf, COLOURS[name], 0.7), steps(means, xOf, yOf, COLOURS[name], 2.2));
  }
  return parts.join("\n");
}

/** A line with a point in the middle of each minute. */
function steps(
  values: readonly number[],
  xOf: (minute: number) => number,
  yOf: (requests: number) => number,
  colour: string,
  width: number,
): string {
  const points = values.map((value, minute) => `${round(xOf(minute + 0.5))},${round(yOf(value))}`);
  return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linejoin="round"/>`;
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string, width: number): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${colour}" stroke-width="${width}"/>`;
}

function text(x: number, y: number, content: string, kind = "", anchor = "start"): string {
  const style = kind === "" ? "" : ` class="${kind}"`;
  return `<text x="${round(x)}" y="${round(y)}"${style} text-anchor="${anchor}">${content}</text>`;
}

function decadeName(decade: number): string {
  if (decade === LOWEST) return "≤ 0.1";
  return (10 ** decade).toString().replace(/\B(?=(\d{3})+$)/g, " ");
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}
