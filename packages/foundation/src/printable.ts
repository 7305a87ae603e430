/** Makes text that is not ours fit for a terminal and for one line: a path, a configuration, another program's output. */

const CONTROLS = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Replaces characters that end a line or control a terminal by their code points. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (letter) => `\\u{${letter.codePointAt(0)?.toString(16)}}`);
}

/** The same value in one line of JSON, with such characters escaped. @throws for text that is not JSON */
export function printableJson(text: string): string {
  return JSON.stringify(JSON.parse(text)).replace(CONTROLS, (letter) =>
    letter
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** Joins lines with a space, without the white space around each. */
export function oneLine(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(" ");
}
