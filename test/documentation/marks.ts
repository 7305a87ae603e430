/**
 * Marks for commands that no test can run, in a comment that readers do not see: `<!--needs-a-cluster-->` directly after the command,
 * or at the end of the line above its block; or in words at the end of a shell comment. Each mark is for certain commands only, so that
 * no other command is excused. No line of text begins with a mark, because Markdown then reads the line as HTML.
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
  "needs a throw away machine": ["npm run package", "npm run simulator", "sudo", "tar"],
  "needs a quiet machine": ["npm run bench", "npm run pictures"],
  "needs a published release": ["gh", "helm pull"],
  "for the owner": ["echo", "gh", "git", "gpg", "key=", "npm run release", "oras", "owner=", "sed -i"],
};

const NAMES = Object.keys(MARKS).join("|");
const COMMENT = new RegExp(`\\s# (?:.*, )?(${NAMES})$`);

export function markAtStart(text: string): string | undefined {
  return /^<!--([\w-]+)-->/.exec(text)?.[1]?.replaceAll("-", " ");
}

export function markAtEnd(text: string): string | undefined {
  return text.endsWith("-->") ? markAtStart(text.slice(text.lastIndexOf("<!--"))) : undefined;
}

export function markInComment(line: string): string | undefined {
  return COMMENT.exec(line)?.[1];
}

/** Whether the mark is for this command. */
export function isExcused(command: string, mark: string): boolean {
  return (MARKS[mark] ?? []).some((start) => `${command} `.startsWith(`${start} `));
}

/** All programs that marks excuse. */
export const MARKED_PROGRAMS: ReadonlySet<string> = new Set(
  Object.values(MARKS).flatMap((starts) => starts.map((start) => start.split(" ")[0] ?? "")),
);
