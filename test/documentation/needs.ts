/**
 * Commands of the pages that no test runs, by what they need. A test knows them by their first words, so the pages say nothing about
 * the tests.
 */

const NEEDS: Readonly<Record<string, readonly string[]>> = {
  "a tenancy": ["ADDRESS=$(oci ", "npm run live ", "oci "],
  "a cluster": ["helm ", "kubectl "],
  "an OKE node": [
    ...["chronyc ", "cloud-init ", "dnf ", "oke "],
    ...[
      "sh /opt/ocir-broker/ocir-broker-node.sh ",
      "sudo OCIR_BROKER_BOOTSTRAP=running sh /opt/ocir-broker/ocir-broker-node.sh",
    ],
  ],
  "a throw away machine": ["npm run package -- --for here ", "sudo "],
  "a quiet machine": ["npm run bench ", "npm run pictures ", "npm run plots "],
  "no end": ["npm run simulator  "],
  "a published release": ["gh attestation ", "helm pull "],
  "the owner": [
    'echo "repositoryID: ',
    "git ",
    "gpg --armor ",
    "gpg --batch ",
    "key=",
    "npm run release ",
    "oras ",
    "owner=",
    "sed -i ",
  ],
};

export const UNRUN: readonly string[] = Object.values(NEEDS).flat();

export function isUnrun(command: string): boolean {
  return UNRUN.some((start) => isStart(start, command));
}

/** A command without a further word ends with two blanks here. */
export function isStart(start: string, command: string): boolean {
  return `${command}  `.startsWith(start);
}

export const UNRUN_PROGRAMS: ReadonlySet<string> = new Set(UNRUN.map((start) => start.split(" ")[0] ?? ""));
