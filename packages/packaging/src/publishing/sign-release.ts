/**
 * Signs a release's folder with an OpenPGP key: each .rpm, the apt index, and SHA256SUMS over everything. Consumers already have
 * gpgv, rpm and apt, which verify these signatures and no others (docs/decisions/0020).
 */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finished } from "../finished.ts";
import type { Release } from "../release.ts";
import { provenance } from "./provenance.ts";
import { checkSums, SUMS, SUMS_SIGNATURE, writeSums } from "./sums.ts";

const SIGNING_KEY = "ocir-broker-signing-key.asc";

/**
 * @param key is its fingerprint; GNUPGHOME has its secret part.
 * @throws {Error} if the folder is not an unchanged release, or the key cannot sign.
 */
export async function signRelease(
  folder: string,
  key: string,
  { release, environment }: { release: Release; environment: NodeJS.ProcessEnv },
): Promise<void> {
  checkSums(folder);
  const gpg = (...args: string[]): Promise<string> => finished("gpg", ["--batch", "--yes", ...args]);
  const sign = (...args: string[]): Promise<string> =>
    gpg("--local-user", key, "--digest-algo", "SHA512", "--armor", ...args);
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".rpm"))) {
    // The distributions' macros name another path of gpg.
    const macros = ["--define", `__gpg ${await which("gpg")}`, "--define", `_gpg_name ${key}`];
    await finished("rpmsign", [...macros, "--addsign", join(folder, name)]);
  }
  await sign("--output", join(folder, "InRelease"), "--clear-sign", join(folder, "Release"));
  writeFileSync(join(folder, SIGNING_KEY), await gpg("--armor", "--export-options", "export-minimal", "--export", key));
  writeFileSync(join(folder, `ocir-broker-${release.version}.provenance.json`), provenance(folder, environment));
  writeSums(folder);
  await sign("--output", join(folder, SUMS_SIGNATURE), "--detach-sign", join(folder, SUMS));
}

async function which(program: string): Promise<string> {
  return (await finished("sh", ["-c", `command -v ${program}`])).trim();
}
