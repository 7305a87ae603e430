/**
 * Signs a release's folder with an OpenPGP key: each .rpm, each chart, and SHA256SUMS over everything. Consumers already have gpgv,
 * rpm and helm, which verify these signatures and no others (docs/decisions/0020).
 */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { finished } from "../finished.ts";
import { checkSums, SUMS, SUMS_SIGNATURE, sha256Of, writeSums } from "./sums.ts";

const SIGNING_KEY = "ocir-broker-signing-key.asc";

/**
 * @param key is its fingerprint; GNUPGHOME has its secret part.
 * @throws {Error} if the folder is not an unchanged release, or the key cannot sign.
 */
export async function signRelease(folder: string, key: string): Promise<void> {
  checkSums(folder);
  const gpg = (...args: string[]): Promise<string> => finished("gpg", ["--batch", "--yes", ...args]);
  const sign = (...args: string[]): Promise<string> =>
    gpg("--local-user", key, "--digest-algo", "SHA512", "--armor", ...args);
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".rpm"))) {
    // The distributions' macros name another path of gpg.
    const macros = ["--define", `__gpg ${await which("gpg")}`, "--define", `_gpg_name ${key}`];
    await finished("rpmsign", [...macros, "--addsign", join(folder, name)]);
  }
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".tgz")))
    await signChart(join(folder, name), key, sign);
  writeFileSync(join(folder, SIGNING_KEY), await gpg("--armor", "--export-options", "export-minimal", "--export", key));
  writeSums(folder);
  await sign("--output", join(folder, SUMS_SIGNATURE), "--detach-sign", join(folder, SUMS));
}

/** Helm's provenance file (https://helm.sh/docs/topics/provenance): Chart.yaml and the checksum, clear-signed. */
async function signChart(path: string, key: string, sign: (...args: string[]) => Promise<string>): Promise<void> {
  const chart = await finished("tar", ["-xzOf", path, "--wildcards", "*/Chart.yaml"]);
  const [, named] = /^ +fingerprint: ([0-9A-F]{40})$/m.exec(chart) ?? [];
  if (named !== undefined && named !== key) throw new Error(`Chart.yaml in ${path} names another key, ${named}`);
  const plain = `${path}.prov.txt`;
  writeFileSync(plain, `${chart}\n...\nfiles:\n  ${basename(path)}: sha256:${sha256Of(path)}\n`);
  await sign("--output", `${path}.prov`, "--clear-sign", plain);
  rmSync(plain);
}

async function which(program: string): Promise<string> {
  return (await finished("sh", ["-c", `command -v ${program}`])).trim();
}
