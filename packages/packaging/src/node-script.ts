/** A release's ocir-broker-node.sh: the checkout's script with the release's version, checksums and address. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "./release.ts";

/** The name in a release. */
export const NODE_SCRIPT = "ocir-broker-node.sh";

const SOURCE = join(CHECKOUT, "cloud-init", NODE_SCRIPT);

export interface NodeScriptValues {
  readonly version: string;
  /** From `folderUrl`. Without it, the node needs OCIR_BROKER_SOURCES, or the archive in its image. */
  readonly baseUrl: string | undefined;
  /** Of each architecture that has an archive. */
  readonly sha256: Readonly<Partial<Record<"amd64" | "arm64", string>>>;
}

export function nodeScript({ version, baseUrl, sha256 }: NodeScriptValues): string {
  const values = {
    version,
    sources: baseUrl === undefined ? "" : `'${baseUrl}'`,
    sha256_amd64: sha256.amd64 ?? "",
    sha256_arm64: sha256.arm64 ?? "",
  };
  let script = readFileSync(SOURCE, "utf8");
  for (const [name, value] of Object.entries(values)) {
    const line = new RegExp(`^${name}=\\S*`, "m");
    if (!line.test(script)) throw new Error(`${SOURCE} has no line ${name}=`);
    script = script.replace(line, () => `${name}=${value}`);
  }
  return script;
}
