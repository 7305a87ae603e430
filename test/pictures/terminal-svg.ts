/** A terminal's output as an SVG, readable on light and dark pages. */

/** Width of the terminal, which breaks longer lines. */
const COLUMNS = 124;
const LINE_PX = 17;
const MARGIN_PX = 16;
const BAR_PX = 32;
const WIDTH_PX = Math.ceil(COLUMNS * 7.23 + 2 * MARGIN_PX);
const FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace";
/** By the number of a terminal's escape sequence (SGR); any other number means the default colour. */
const COLORS: Readonly<Record<string, string>> = { 31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 36: "#76e3ea" };

// biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's escape character
const SCREENS = /\u001b\[H/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same
const ERASURES = /\u001b\[[JK]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same
const COLOR = /\u001b\[(\d+)m/;

/** @param output a program's, whose last screen is drawn: a program that redraws begins each screen at the top left. */
export function terminalSvg(title: string, output: string): string {
  const screen = (output.split(SCREENS).at(-1) ?? "").replace(ERASURES, "").replaceAll("\r", "").trimEnd();
  const rows = screen.split("\n").flatMap(rowsOf);
  const height = BAR_PX + rows.length * LINE_PX + MARGIN_PX;
  const texts = rows.flatMap((row, index) => {
    const y = BAR_PX + (index + 1) * LINE_PX;
    return row === "" ? [] : [`<text x="${MARGIN_PX}" y="${y}" xml:space="preserve">${row}</text>`];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH_PX} ${height}" font-family="${FONT}" font-size="12" fill="#e6edf3">
<title>${escaped(title)}</title>
<rect x="0.5" y="0.5" width="${WIDTH_PX - 1}" height="${height - 1}" rx="8" fill="#0d1117" stroke="#57606a"/>
<text x="${MARGIN_PX}" y="21" fill="#8b949e"># ${escaped(title)}</text>
<path d="M0 ${BAR_PX}H${WIDTH_PX}" stroke="#30363d"/>
${texts.join("\n")}
</svg>
`;
}

/** The rows of a line as SVG. */
function rowsOf(line: string): string[] {
  const rows = [""];
  let column = 0;
  // Text and the numbers of its escape sequences, in turn.
  const parts = line.split(COLOR);
  for (let index = 0; index < parts.length; index += 2) {
    const color = COLORS[parts[index - 1] ?? ""];
    for (let rest = parts[index] ?? ""; rest !== ""; ) {
      if (column === COLUMNS) {
        rows.push("");
        column = 0;
      }
      const taken = rest.slice(0, COLUMNS - column);
      rows.push(
        `${rows.pop()}${color === undefined ? escaped(taken) : `<tspan fill="${color}">${escaped(taken)}</tspan>`}`,
      );
      column += taken.length;
      rest = rest.slice(taken.length);
    }
  }
  return rows;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
