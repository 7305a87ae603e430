/** Parses the text of an EnvironmentFile= as systemd does (systemd.exec(5)): comments, quotes, and lines that continue. */

/** White space, then a comment, which a backslash continues, or a name and its value: quoted parts, then an unquoted one. */
const LINE =
  /^[^\S\n]*(?:[#;](?:\\.|[^\\\n])*|([A-Za-z_]\w*)[^\S\n]*=((?:[^\S\n]*(?:'[^']*'|"(?:\\.|[^"\\])*"))*)[^\S\n]*((?:\\.|[^\\\n])*))$/gms;

/** Ignores lines that are not assignments. */
export function parseEnvironmentFile(text: string): [name: string, value: string][] {
  return [...text.matchAll(LINE)].flatMap(([, name, quoted = "", plain = ""]) =>
    name === undefined ? [] : [[name, unquoted(quoted) + unescaped(plain.trimEnd())] satisfies [string, string]],
  );
}

function unquoted(parts: string): string {
  return [...parts.matchAll(/'([^']*)'|"((?:\\.|[^"\\])*)"/gs)]
    .map(([, single, double = ""]) => single ?? double.replace(/\\(?:\n|(["\\`$]))/g, "$1"))
    .join("");
}

function unescaped(text: string): string {
  return text.replace(/\\(?:\n|(.))/gs, "$1");
}
