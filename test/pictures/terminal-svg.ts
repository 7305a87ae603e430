/** A terminal's output as an SVG: a dark window with its own colours, so it is readable on light and dark pages. Text stays text. */
import { escaped } from "./svg.ts";

/** Width of the terminal, which breaks longer lines as a terminal does. */
const COLUMNS = 124;
const COLUMN_PX = 7.23;
const LINE_PX = 17;
const MARGIN_PX = 16;
const BAR_PX = 32;
const WIDTH_PX = Math.ceil(COLUMNS * COLUMN_PX + 2 * MARGIN_PX);
const FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace";

/** By the number of a terminal's escape sequence (SGR); any other number means the default colour. */
const COLORS: Readonly<Record<string, string>> = { 31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 36: "#76e3ea" };

interface Piece {
  readonly color: string | undefined;
  readonly text: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's escape character
const SCREENS = /\u001b\[H/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same
const ERASURES = /\u001b\[[JK]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same
const COLOR = /\u001b\[(\d+)m/;

/** The screen at the end: a program that redraws begins each screen at the top left. */
export function lastScreen(output: string): string {
  return (output.split(SCREENS).at(-1) ?? "").replace(ERASURES, "").replaceAll("\r", "").trimEnd();
}

/** @param title the command, in the window's bar. */
export function terminalSvg(title: string, screen: string): string {
  const lines = screen.split("\n").flatMap((line) => rowsOf(piecesOf(line)));
  const height = BAR_PX + lines.length * LINE_PX + MARGIN_PX;
  const texts = lines.flatMap((line, index) => textElement(line, BAR_PX + (index + 1) * LINE_PX));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH_PX} ${height}" font-family="${FONT}" font-size="12" fill="#e6edf3">
<title>${escaped(title)}</title>
<rect x="0.5" y="0.5" width="${WIDTH_PX - 1}" height="${height - 1}" rx="8" fill="#0d1117" stroke="#57606a"/>
<text x="${MARGIN_PX}" y="21" fill="#8b949e"># ${escaped(title)}</text>
<path d="M0 ${BAR_PX}H${WIDTH_PX}" stroke="#30363d"/>
${texts.join("\n")}
</svg>
`;
}

function piecesOf(line: string): Piece[] {
  // Text and the numbers of its escape sequences, in turn.
  const parts = line.split(COLOR);
  return parts.flatMap((text, index) =>
    index % 2 === 0 && text !== "" ? [{ color: COLORS[parts[index - 1] ?? ""], text }] : [],
  );
}

/** Breaks a line after each `COLUMNS` characters. */
function rowsOf(pieces: readonly Piece[]): Piece[][] {
  const rows: Piece[][] = [[]];
  let column = 0;
  for (const { color, text } of pieces) {
    for (let rest = text; rest !== ""; ) {
      if (column === COLUMNS) {
        rows.push([]);
        column = 0;
      }
      const taken = rest.slice(0, COLUMNS - column);
      rows.at(-1)?.push({ color, text: taken });
      column += taken.length;
      rest = rest.slice(taken.length);
    }
  }
  return rows;
}

function textElement(row: readonly Piece[], y: number): string[] {
  if (row.length === 0) return [];
  const spans = row.map(({ color, text }) =>
    color === undefined ? escaped(text) : `<tspan fill="${color}">${escaped(text)}</tspan>`,
  );
  return [`<text x="${MARGIN_PX}" y="${y}" xml:space="preserve">${spans.join("")}</text>`];
}
