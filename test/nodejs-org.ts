/** A stand-in for nodejs.org and for the repository with Node's release keys, on a real socket, with a key of its own. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { runProgram } from "./run-program.ts";

const ARCHITECTURES = ["x64", "arm64"];
/** Sends every request to the stand-in; each is the real curl's otherwise. */
const CURL = (origin: string, real: string) => `#!/bin/sh
for argument; do
  shift
  case $argument in https://*) argument=${origin}/\${argument##*/} ;; esac
  set -- "$@" "$argument"
done
exec ${real} --retry-delay 1 "$@"
`;

/** Starts it with the archives of a version, whose programs are `Node for x64` and `Node for arm64`. */
export async function startNodejsOrg(version: string) {
  const [files, home, bin] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
  const gpg = (...args: string[]): string =>
    execFileSync("gpg", ["--batch", "--quiet", "--homedir", home, ...args], { encoding: "utf8", cwd: files });
  const makeKey = (name: string): string => {
    gpg("--passphrase", "", "--quick-generate-key", name, "ed25519");
    return /^fpr:+(\w+):$/m.exec(gpg("--list-keys", "--with-colons", name))?.[1] as string;
  };
  const [releaser, other] = [makeKey("releaser"), makeKey("other")];
  writeFileSync(join(files, "pubring.kbx"), execFileSync("gpg", ["--homedir", home, "--export"]));
  for (const architecture of ARCHITECTURES) putArchive(architecture, `Node for ${architecture}`);
  sign(releaser);

  const server = createServer((request, response) => {
    const name = request.url?.slice(1) ?? "";
    if (readdirSync(files).includes(name)) response.end(readFileSync(join(files, name)));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const curl = execFileSync("sh", ["-c", "command -v curl"], { encoding: "utf8" }).trim();
  writeFileSync(join(bin, "curl"), CURL(`http://127.0.0.1:${port}`, curl), { mode: 0o755 });

  function nameOf(architecture: string): string {
    return `node-v${version}-linux-${architecture}`;
  }

  function putArchive(architecture: string, program: string): void {
    const name = nameOf(architecture);
    const folder = join(temporaryFolder(), name);
    mkdirSync(join(folder, "bin"), { recursive: true });
    writeFileSync(join(folder, "bin/node"), program);
    execFileSync("tar", ["-cJf", join(files, `${name}.tar.xz`), "-C", join(folder, ".."), name]);
  }

  /** Signs the checksums of the archives as they are now. */
  function sign(key: string): void {
    const names = ARCHITECTURES.map((architecture) => `${nameOf(architecture)}.tar.xz`);
    writeFileSync(join(files, "SHASUMS256.txt"), execFileSync("sha256sum", names, { cwd: files }));
    gpg("--yes", "--local-user", key, "--output", "SHASUMS256.txt.sig", "--detach-sign", "SHASUMS256.txt");
  }

  return {
    files,
    releaser,
    /** Its key is in the keyring too, but its fingerprint is not pinned. */
    other,
    putArchive,
    sign,
    /** Copies the scripts into a folder, where they trust the releaser's key. */
    installScripts(checkout: string): void {
      cpSync(join(import.meta.dirname, "../.ci"), join(checkout, ".ci"), { recursive: true });
      writeFileSync(join(checkout, ".ci/node-release-keys"), `${releaser} releaser\n`);
    },
    /** Runs a program of a checkout with these programs before the machine's. */
    run(checkout: string, program: string, programs: Readonly<Record<string, string>> = {}): Promise<string> {
      for (const [name, text] of Object.entries(programs)) writeFileSync(join(bin, name), text, { mode: 0o755 });
      const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}` };
      return runProgram([join(checkout, program)], { cwd: checkout, env });
    },
    async stop(): Promise<void> {
      execFileSync("gpgconf", ["--homedir", home, "--kill", "all"]);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
