/** What each file of a release is for: the folder's INDEX.txt, and the help of `npm run package`. */

export const INDEX = "INDEX.txt";

interface Row {
  /** With VERSION and ARCH for what differs. */
  readonly name: string;
  readonly purpose: string;
  /** Not there before `npm run sign`. */
  readonly isAddedBySigning?: true;
}

const ROWS: readonly Row[] = [
  { name: "ocir-broker-node.sh", purpose: "the node pool's initialization script (docs/install.md)" },
  {
    name: "ocir-broker-VERSION-linux-ARCH.tar.gz",
    purpose: "what the script installs: upload it to where nodes find it",
  },
  { name: "ocir-broker_VERSION_ARCH.deb", purpose: "package for an image, or an apt repository" },
  { name: "ocir-broker-VERSION-1.ARCH.rpm", purpose: "package for an image, or a dnf repository" },
  { name: "ocir-broker-VERSION.tgz", purpose: "Helm chart of the DaemonSet" },
  { name: "ocir-broker-daemonset-VERSION.oci.tar", purpose: "the DaemonSet's image, for skopeo copy --all" },
  { name: "ocir-broker-daemonset-VERSION.yaml", purpose: "the DaemonSet as a manifest, without Helm" },
  {
    name: "ocir-pull-secrets-VERSION.tgz",
    purpose: "Helm chart of the pull-secrets controller (docs/pull-secrets.md)",
  },
  { name: "ocir-pull-secrets-VERSION.oci.tar", purpose: "its image, for skopeo copy --all" },
  { name: "ocir-broker-VERSION.rules.yaml", purpose: "Prometheus alerts" },
  { name: "ocir-broker-VERSION.dashboard.json", purpose: "Grafana dashboard" },
  { name: "ocir-broker-VERSION-linux-ARCH.cdx.json", purpose: "bill of materials (CycloneDX)" },
  { name: "ocir-pull-secrets-VERSION-linux-ARCH.cdx.json", purpose: "the same of the pull-secrets controller's image" },
  { name: "ocir-broker-VERSION-build-tools.txt", purpose: "versions of the tools that reproduce these bytes" },
  { name: "Packages", purpose: "index of the folder as an apt repository" },
  { name: "Release", purpose: "the same: checksum and date of Packages" },
  { name: INDEX, purpose: "this list" },
  { name: "SHA256SUMS", purpose: "checksum of each file (docs/verify.md)" },
  { name: "SHA256SUMS.asc", purpose: "its signature", isAddedBySigning: true },
  { name: "InRelease", purpose: "signed Release, which apt requires", isAddedBySigning: true },
  { name: "ocir-broker-VERSION.tgz.prov", purpose: "the chart's signature, for helm", isAddedBySigning: true },
  { name: "ocir-pull-secrets-VERSION.tgz.prov", purpose: "the same of that chart", isAddedBySigning: true },
  { name: "ocir-broker-signing-key.asc", purpose: "the public key of the signatures", isAddedBySigning: true },
  {
    name: "ocir-broker-VERSION.provenance.json",
    purpose: "commit and run that made the files (SLSA)",
    isAddedBySigning: true,
  },
];

/**
 * One line for each file that is there or that signing adds.
 *
 * @throws {Error} for a file without a row.
 */
export function releaseIndex(names: readonly string[], version: string): string {
  const patterns = ROWS.map((row) => ({ ...row, pattern: patternOf(row.name) }));
  const unknown = names.find((name) => !patterns.some(({ pattern }) => pattern.test(name)));
  if (unknown !== undefined)
    throw new Error(`${unknown} is missing in the list of a release's files, release-index.ts`);
  const lines = patterns.flatMap(({ name, purpose, isAddedBySigning, pattern }) => {
    if (isAddedBySigning) return [lineOf(name.replace("VERSION", version), `${purpose} (of a signed release)`)];
    const found = [INDEX, "SHA256SUMS", ...names].filter((each) => pattern.test(each)).sort();
    return found.map((each) => lineOf(each, purpose));
  });
  return `ocir-broker ${version}: what each file of this release is for\n\n${lines.join("")}`;
}

/** For the help. */
export const FILE_LIST: string = ROWS.filter(({ isAddedBySigning }) => !isAddedBySigning)
  .map(({ name, purpose }) => lineOf(name, purpose))
  .join("");

/** Each packager writes a release candidate's version in its own form. */
function patternOf(name: string): RegExp {
  const escaped = name.replaceAll(".", "\\.").replace("VERSION", "[0-9][\\w.~+-]*");
  return new RegExp(`^${escaped.replace("ARCH", "[a-z0-9_]+")}$`);
}

function lineOf(name: string, purpose: string): string {
  return `  ${name.padEnd(42)} ${purpose}\n`;
}
