/** What each file of a release is for: the folder's INDEX.txt, and the help of `npm run package`. */

export const INDEX = "INDEX.txt";

/** Of `npm run package`, with VERSION and ARCH for what differs. Also in its help. */
export const FILE_LIST = `\
  ocir-broker-node.sh                        the node pool's initialization script (docs/install.md)
  ocir-broker-VERSION-linux-ARCH.tar.gz      what the script installs: upload it to where nodes find it
  ocir-broker_VERSION_ARCH.deb               package for an image of Debian or Ubuntu
  ocir-broker-VERSION-1.ARCH.rpm             package for an image of Oracle Linux
  ocir-broker-VERSION.tgz                    Helm chart of the DaemonSet
  ocir-broker-daemonset-VERSION.oci.tar      the DaemonSet's image, for skopeo copy --all
  ocir-broker-daemonset-VERSION.yaml         the DaemonSet as a manifest, without Helm
  ocir-pull-secrets-VERSION.tgz              Helm chart of the pull-secrets controller (docs/pull-secrets.md)
  ocir-pull-secrets-VERSION.oci.tar          its image, for skopeo copy --all
  ocir-broker-VERSION.rules.yaml             Prometheus alerts
  ocir-broker-VERSION.dashboard.json         Grafana dashboard
  ocir-broker-VERSION-linux-ARCH.cdx.json    bill of materials (CycloneDX)
  ocir-pull-secrets-VERSION-linux-ARCH.cdx.json the same of the pull-secrets controller's image
  ocir-broker-VERSION-build-tools.txt        versions of the tools that reproduce these bytes
  ${INDEX}                                  this list
  SHA256SUMS                                 checksum of each file (docs/verify.md)
`;

const ADDED_BY_SIGNING = `\
  SHA256SUMS.asc                             its signature
  ocir-broker-VERSION.tgz.prov               the chart's signature, for helm
  ocir-pull-secrets-VERSION.tgz.prov         the same of that chart
  ocir-broker-signing-key.asc                the public key of the signatures
  ocir-broker-VERSION.provenance.json        commit and run that made the files (SLSA)
`;

/**
 * One line for each file that is there or that signing adds; a chart's signature only if there is the chart.
 *
 * @throws {Error} for a file without a row.
 */
export function releaseIndex(names: readonly string[], version: string): string {
  const [made, signed] = [rowsOf(FILE_LIST), rowsOf(ADDED_BY_SIGNING)];
  const unknown = names.find((name) => ![...made, ...signed].some(({ pattern }) => pattern.test(name)));
  if (unknown !== undefined)
    throw new Error(`${unknown} is missing in the list of a release's files, release-index.ts`);
  const there = [INDEX, "SHA256SUMS", ...names].sort();
  const lines = [
    ...made.flatMap(({ pattern, purpose }) =>
      there.filter((name) => pattern.test(name)).map((name) => lineOf(name, purpose)),
    ),
    ...signed
      .map(({ name, purpose }) => ({ name: name.replace("VERSION", version), purpose }))
      .filter(({ name }) => !name.endsWith(".prov") || names.includes(name.replace(/\.prov$/, "")))
      .map(({ name, purpose }) => lineOf(name, `${purpose} (of a signed release)`)),
  ];
  return `ocir-broker ${version}: what each file of this release is for\n\n${lines.join("")}`;
}

function rowsOf(list: string): { name: string; purpose: string; pattern: RegExp }[] {
  const rows = list.matchAll(/^ {2}(\S+) +(.+)$/gm);
  return [...rows].map(([, name = "", purpose = ""]) => ({ name, purpose, pattern: patternOf(name) }));
}

/** Each packager writes a release candidate's version in its own form. */
function patternOf(name: string): RegExp {
  const escaped = name.replaceAll(".", "\\.").replace("VERSION", "[0-9][\\w.~+-]*");
  return new RegExp(`^${escaped.replace("ARCH", "[a-z0-9_]+")}$`);
}

function lineOf(name: string, purpose: string): string {
  return `  ${name.padEnd(42)} ${purpose}\n`;
}
