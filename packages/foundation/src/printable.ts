/** Makes text that is not ours fit for a terminal and for one line: a path, a configuration, another program's output. */

/** Replaces characters that end a line or control a terminal by their code points. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (letter) => `\\u{${letter.codePointAt(0)?.toString(16)}}`);
}
