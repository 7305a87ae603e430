/**
 * Runs ocir-broker-node.sh as root in a room (room.sh): a private copy of this machine's folders and network, with a metadata
 * service, and a stand-in for the archive's program. It takes about a second. With a real kubelet: boot.test.ts.
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { INSTALLED_PROGRAM } from "@ocir-broker/protocol/contract";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import cliPackage from "../../../packages/cli/package.json" with { type: "json" };
import { nodeScript } from "../../../packages/packaging/src/node-script.ts";
import { sha256Of } from "../../../packages/packaging/src/publishing/sums.ts";

export const VERSION = cliPackage.version;
const ROOM = join(import.meta.dirname, "room.sh");
/** Of a room, for a busy machine. */
const LIMIT_MS = 180_000;

export interface Room {
  /** Commands that arrange, run the script `$out/script`, and print. The archive is in /opt/ocir-broker. */
  readonly scenario: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Default: the checkout's, with the stand-in's checksum. */
  readonly script?: string;
  readonly limitMs?: number;
}

/** Why no room can be made here; undefined if one can. */
export function lackOfRooms(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  try {
    execFileSync("unshare", ["-mnpf", "--mount-proc", "true"]);
    return undefined;
  } catch {
    return "no namespaces";
  }
}

const folder = temporaryFolder();
const sha256 = makeArchive();

/**
 * The script of a release that has the stand-in's archive in /opt/archives. It tries each source once.
 *
 * @param limitS a time limit of the script's, which becomes 2 s: that of the call that hangs, because another may take longer
 */
export function scriptOfRelease(limitS?: number): string {
  const script = nodeScript({ version: VERSION, baseUrl: undefined, sha256: { amd64: sha256, arm64: sha256 } });
  return script
    .replace(`-s KILL ${limitS} `, "-s KILL 2 ")
    .replace(`-k 60 ${limitS} `, "-k 60 2 ")
    .replace("in 1 2 4 0;", "in 0;")
    .replace("sleep 2 9", "sleep 0.2 9");
}

/** @returns what the scenario prints. */
export async function runInRoom({
  scenario,
  metadata = {},
  script = scriptOfRelease(),
  limitMs = LIMIT_MS,
}: Room): Promise<string> {
  const out = temporaryFolder();
  mkdirSync(join(out, "metadata"));
  for (const [key, value] of Object.entries(metadata)) writeFileSync(join(out, "metadata", key), value);
  writeFileSync(join(out, "script"), script);
  const path = join(out, "scenario");
  writeFileSync(path, `archives=${folder}\ncp "$archives"/*.tar.gz /opt/ocir-broker\n${scenario}\n`);
  const env = {
    PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/root",
    BROKER: join(import.meta.dirname, "../../../dist/ocir-broker"),
  };
  const args = ["-mnpf", "--kill-child", "--mount-proc", "sh", ROOM, out, path];
  const { stdout } = await promisify(execFile)("unshare", args, { env, timeout: limitMs, killSignal: "SIGKILL" });
  return stdout;
}

function makeArchive(): string {
  const name = `ocir-broker-${VERSION}-linux-${process.arch === "x64" ? "amd64" : "arm64"}`;
  mkdirSync(join(folder, name));
  const standIn = readFileSync(join(import.meta.dirname, "stand-in.sh"), "utf8")
    .replace("VERSION", VERSION)
    .replace("PROGRAM", INSTALLED_PROGRAM);
  writeFileSync(join(folder, name, "install.sh"), standIn, { mode: 0o755 });
  execFileSync("tar", ["-czf", `${name}.tar.gz`, name], { cwd: folder });
  return sha256Of(join(folder, `${name}.tar.gz`));
}
