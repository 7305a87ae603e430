/**
 * The environment that systemd gives to the daemon, so that doctor uses the daemon's proxy settings and not those of a person's
 * shell. It comes from the manager and the unit, never from the process: a compromised daemon can rewrite its own environment,
 * and root would then send secrets to its proxy. Values may be secret and are never printed.
 *
 * Not read: PassEnvironment=, which needs the environment of process 1, and the state of environment files at the daemon's start.
 * A value with blanks is unknown with a systemd that prints `[unprintable]` instead, as 239 does.
 */
import { globSync } from "node:fs";
import { parseEnvironmentFile } from "./environment-file.ts";
import { type NodeFiles, textOf } from "./node-files.ts";
import { showProperties } from "./node-service.ts";
import type { RunProgram } from "./program-run.ts";

const UNIT = "ocir-broker.service";

/** As in ocir-broker-launch.c, which passes them on to the daemon; TZ has no meaning for doctor. */
const PASSED = [
  "HOME",
  "HTTPS_PROXY",
  "https_proxy",
  "NO_PROXY",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "OCI_METADATA_BASE_URL",
  "OCI_SDK_AUTH_CLIENT_REGION_URL",
];

/** Undefined if there is no systemd, no such unit, or the files are not those of this machine. */
export async function readDaemonEnvironment(
  files: NodeFiles,
  runProgram: RunProgram,
): Promise<NodeJS.ProcessEnv | undefined> {
  const show = async (...args: readonly string[]) => (await showProperties(args, files, runProgram))?.split("\n");
  const [manager, unit] = await Promise.all([
    show("--property=Environment"),
    show("--property=LoadState,Environment,EnvironmentFiles,UnsetEnvironment", UNIT),
  ]);
  if (manager === undefined || unit === undefined || !unit.includes("LoadState=loaded")) return undefined;
  // A later value replaces an earlier one.
  const all = new Map([
    ...listOf("Environment", manager).flatMap(assignment),
    ...listOf("Environment", unit).flatMap(assignment),
    ...environmentFiles(unit).flatMap((path) => parseEnvironmentFile(textOf(files.readText(path)) ?? "")),
  ]);
  for (const unset of listOf("UnsetEnvironment", unit)) {
    const [name, value] = assignment(unset)[0] ?? [unset];
    if (value === undefined || all.get(name) === value) all.delete(name);
  }
  return {
    ...Object.fromEntries([...all].filter(([name]) => PASSED.includes(name))),
    // systemd's name for it.
    CREDENTIALS_DIRECTORY: `/run/credentials/${UNIT}`,
  };
}

/** The elements of a list, which are separated by blanks. systemd quotes those with special characters, and escapes them as C does. */
function listOf(property: string, lines: readonly string[]): string[] {
  const text = lines.find((line) => line.startsWith(`${property}=`))?.slice(property.length + 1) ?? "";
  return [...text.matchAll(/"((?:\\.|[^"\\])*)"|\S+/g)].map(([plain, quoted]) =>
    quoted === undefined ? plain : unescaped(quoted),
  );
}

const LETTERS: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3}|.)/g, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (LETTERS[code] ?? code),
  );
}

function assignment(text: string): [name: string, value: string][] {
  const at = text.indexOf("=");
  return at > 0 ? [[text.slice(0, at), text.slice(at + 1)]] : [];
}

/**
 * The paths of EnvironmentFile=, in order, patterns replaced by the files that they match. A file that cannot be read is passed
 * over: systemd does so after a leading `-`, and otherwise does not start the daemon.
 */
function environmentFiles(lines: readonly string[]): string[] {
  return lines
    .flatMap((line) => /^EnvironmentFiles?=(.*) \(ignore_errors=(?:yes|no)\)$/.exec(line)?.[1] ?? [])
    .flatMap((path) => (/[*?[]/.test(path) ? globSync(path).toSorted() : [path]));
}
