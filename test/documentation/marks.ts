/**
 * What a page says beside a command that no test of ours can run: in italics, after it on its line or right above its block, or
 * as the end of a line's comment. Each is for these commands alone, so that what can run here is not excused.
 */

export const MARKS: Readonly<Record<string, readonly string[]>> = {
  "needs a tenancy": ["oci"],
  "needs a cluster": ["helm", "kubectl"],
  "needs an OKE node": ["apt-get", "chronyc", "cloud-init", "dnf", "oke", "restorecon"],
  "needs a quiet machine": ["npm run bench"],
  "needs its own client": ["buildctl", "crane", "nerdctl"],
};

const NAMES = Object.keys(MARKS).join("|");
const MARK = new RegExp(`\\*(${NAMES}):?\\*`, "i");
const COMMENT = new RegExp(`\\s# (?:.*, )?(${NAMES})$`);

export function markIn(text: string): string | undefined {
  const found = MARK.exec(text)?.[1]?.toLowerCase();
  return Object.keys(MARKS).find((mark) => mark.toLowerCase() === found);
}

export function markInComment(line: string): string | undefined {
  return COMMENT.exec(line)?.[1];
}

/** Whether the mark is for this command. */
export function isExcused(command: string, mark: string): boolean {
  return (MARKS[mark] ?? []).some((start) => `${command} `.startsWith(`${start} `));
}

/** The programs of all marks. */
export const MARKED_PROGRAMS: ReadonlySet<string> = new Set(
  Object.values(MARKS).flatMap((starts) => starts.map((start) => start.split(" ")[0] ?? "")),
);
