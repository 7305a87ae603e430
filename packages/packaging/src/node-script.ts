/**
 * A release's ocir-broker-node.sh: the checkout's script with the release's version, checksums and address. It has two forms. The
 * plain form is for readers. The packed form is for the node's user data: it is half as long, and runs exactly the plain form.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { CHECKOUT } from "./release.ts";

/** Names in a release. */
export const NODE_SCRIPT = "ocir-broker-node.sh";
export const PLAIN_NODE_SCRIPT = "ocir-broker-node.plain.sh";

const SOURCE = join(CHECKOUT, "cloud-init", NODE_SCRIPT);
const COLUMNS = 120;

export interface NodeScriptValues {
  readonly version: string;
  /** From `folderUrl`. Without it, the node needs OCIR_BROKER_SOURCES, or the archive in its image. */
  readonly baseUrl: string | undefined;
  readonly sha256: Readonly<Record<"amd64" | "arm64", string>>;
}

export function plainNodeScript({ version, baseUrl, sha256 }: NodeScriptValues): string {
  const values = {
    release: version,
    release_url: `'${baseUrl ?? ""}'`,
    release_sha256_amd64: sha256.amd64,
    release_sha256_arm64: sha256.arm64,
  };
  let script = readFileSync(SOURCE, "utf8");
  for (const [name, value] of Object.entries(values)) {
    const line = new RegExp(`^${name}=.*$`, "m");
    if (!line.test(script)) throw new Error(`${SOURCE} has no line ${name}=`);
    script = script.replace(line, () => `${name}=${value}`);
  }
  return script;
}

/** Needs no file and no variable on the node, only `base64` and `gzip`, which unpack the archive too. */
export function packedNodeScript(plain: string, version: string): string {
  const packed = gzipSync(plain, { level: 9 }).toString("base64");
  return `#!/bin/sh
# ocir-broker-node.sh ${version}: installs ocir-broker on an OKE worker node and bootstraps it. Use it as the node pool's initialization
# script as it is. It runs ${PLAIN_NODE_SCRIPT} of the same release, which it contains compressed. To read it:
#   sed "1,/^packed=/d; /^'/,\\$d" ${NODE_SCRIPT} | base64 -d | gzip -dc
# Optional settings: your own bucket or mirror, an audience if pods pull with their service accounts, additional kubelet arguments.
# To use one, remove its # and set its value.
#export OCIR_BROKER_SOURCES='https://'
#export OCIR_BROKER_SERVICE_ACCOUNTS=''
#export KUBELET_EXTRA_ARGS=''
packed='
${packed.match(new RegExp(`.{1,${COLUMNS}}`, "g"))?.join("\n")}
'
if ! script=$(printf '%s' "$packed" | base64 -d | gzip -dc); then
  echo 'ocir-broker-node: ERROR: the script cannot be unpacked: it was changed on its way, or base64 or gzip is missing' >&2
  exit 1
fi
unset packed
eval "$script"
`;
}
