/** Parses the text of an EnvironmentFile= as systemd does (systemd.exec(5)): comments, quotes, and lines that continue. */

const NAME = /[ \t]*([A-Za-z_]\w*)[ \t]*=/y;
const QUOTED = /[ \t]*(?:'([^']*)'|"((?:\\.|[^"\\])*)")/sy;
const COMMENT_MARK = /[ \t]*[#;]/y;
/** The rest of a line, which a backslash continues, as it does that of a comment. */
const CONTINUED = /((?:\\.|[^\\\n])*)\\?\n?/sy;
const LINE = /[^\n]*\n?/y;

/** Ignores lines that are not assignments. */
export function parseEnvironmentFile(text: string): [name: string, value: string][] {
  const assignments: [name: string, value: string][] = [];
  let at = 0;

  function take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  }

  while (at < text.length) {
    const name = take(NAME)?.[1];
    if (name === undefined) {
      take(take(COMMENT_MARK) === null ? LINE : CONTINUED);
      continue;
    }
    let value = "";
    for (let part = take(QUOTED); part !== null; part = take(QUOTED))
      value += part[1] ?? part[2]?.replace(/\\(?:\n|(["\\`$]))/g, "$1");
    const plain = take(CONTINUED)?.[1] ?? "";
    assignments.push([name, value + unescaped(plain.trim())]);
  }
  return assignments;
}

function unescaped(text: string): string {
  return text.replace(/\\(?:\n|(.))/gs, "$1");
}
