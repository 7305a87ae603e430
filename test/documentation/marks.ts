/**
 * Marks for commands that no test can run: in italics, after the command on its line or directly above its block, or at the end
 * of a line's comment. Each mark is for certain commands only, so that no other command is excused.
 */

export const MARKS: Readonly<Record<string, readonly string[]>> = {
  "needs a tenancy": ["npm run live", "oci"],
  "needs a cluster": ["helm", "kubectl"],
  "needs an OKE node": [
    ...["apt-get", "chronyc", "cloud-init", "dnf", "oke", "restorecon"],
    "echo 'deb ",
    "sh /opt/ocir-broker/ocir-broker-node.sh",
    "sudo sh /opt/ocir-broker/ocir-broker-node.sh",
  ],
  "needs a quiet machine": ["npm run bench", "npm run pictures"],
  "needs a published release": ["gh", "helm pull"],
  "for the owner": ["echo", "gh", "git", "gpg", "key=", "npm run release", "oras", "owner=", "sed -i"],
};

/** docs/install.ko.md has its marks in Korean. */
const KOREAN: Readonly<Record<string, string>> = {
  "테넌시 필요": "needs a tenancy",
  "OKE 노드 필요": "needs an OKE node",
  "클러스터 필요": "needs a cluster",
};

const NAMES = [...Object.keys(MARKS), ...Object.keys(KOREAN)].join("|");
const MARK = new RegExp(`\\*(${NAMES}):?\\*`, "i");
const COMMENT = new RegExp(`\\s# (?:.*, )?(${NAMES})$`);

export function markIn(text: string): string | undefined {
  const written = MARK.exec(text)?.[1]?.toLowerCase();
  const found = Object.keys(MARKS).find((mark) => mark.toLowerCase() === written);
  return found ?? Object.entries(KOREAN).find(([korean]) => korean.toLowerCase() === written)?.[1];
}

export function markInComment(line: string): string | undefined {
  const written = COMMENT.exec(line)?.[1] ?? "";
  return KOREAN[written] ?? (written || undefined);
}

/** Whether the mark is for this command. */
export function isExcused(command: string, mark: string): boolean {
  return (MARKS[mark] ?? []).some((start) => `${command} `.startsWith(`${start} `));
}

/** All programs that marks excuse. */
export const MARKED_PROGRAMS: ReadonlySet<string> = new Set(
  Object.values(MARKS).flatMap((starts) => starts.map((start) => start.split(" ")[0] ?? "")),
);
