/** What the DaemonSet's program does on the node around the container: `ocir-broker node …`, and systemctl for the kubelet. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { promisify } from "node:util";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { readCredentialProviderFiles, tokenAttributesIn } from "@ocir-broker/node/credential-provider-files";
import { kubeletNeed, readKubeletUse } from "@ocir-broker/node/kubelet-need";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { createRunProgram } from "@ocir-broker/node/program-run";
import { DISABLED_FILE, INSTALLED_PROGRAM, PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { KubeletFiles, KubeletNeed, NodeResult } from "@ocir-broker/protocol/node-result";
import { type CommandResult, runNodeCommand } from "./node-command.ts";

const run = promisify(execFile);
/** For a program that only prints something. */
const QUICK_SECONDS = 20;
const RELOAD_MS = 60_000;
const RESTART_MS = 120_000;

interface Failure {
  readonly ok: false;
  /** For people, one line. */
  readonly reason: string;
}

export type Change = { readonly ok: true } | Failure;

export interface NodeProgram {
  /** The image's. */
  readonly version: string;
  /** Whether an administrator has switched ocir-broker off on this node. */
  isDisabled(): boolean;
  /** The files of the kubelet's flags if the image's version is installed and the kubelet's configuration names it. */
  installed(): Promise<KubeletFiles | undefined>;
  install(): Promise<{ readonly ok: true; readonly files: KubeletFiles } | Failure>;
  /** Whether any version is installed. */
  isThere(): boolean;
  /** `left`: files that stay. */
  remove(): Promise<{ readonly ok: true; readonly left: NonNullable<NodeResult["left"]> } | Failure>;
  /** Of the running kubelet. */
  need(files: KubeletFiles): Promise<KubeletNeed>;
  addFlags(files: KubeletFiles): Promise<Change>;
  removeFlags(): Promise<Change>;
  /** Whether a file of the kubelet's unit has flags that were added. */
  hasAddedFlags(): Promise<boolean>;
  /** Rejects if it does not start. */
  restartKubelet(): Promise<void>;
}

interface NodeProgramOptions {
  /** Path of the image's files. */
  readonly image: string;
  readonly leaseSeconds: number;
  /** The audience of service-account tokens; undefined: as it is. */
  readonly serviceAccounts: string | undefined;
  say(line: string): void;
}

export function createNodeProgram({ image, leaseSeconds, serviceAccounts, say }: NodeProgramOptions): NodeProgram {
  const { folder, version } = findArchive(`${image}/ocir-broker`);
  const files = createNodeFiles("/");
  const runProgram = createRunProgram(createSystemClock());
  // An installation and the restoration after it end while a pod that is being deleted may still run.
  const limitSeconds = Math.floor(leaseSeconds / 2);
  const imageProgram = `${folder}${INSTALLED_PROGRAM}`;
  const node = (program: string, args: readonly string[], seconds = limitSeconds) =>
    runNodeCommand({
      command: [program, "node", ...args],
      // The loader cannot find the library beside the image's program, whose own path does not exist on the node.
      libraries: program === imageProgram ? `${image}/ocir-broker` : undefined,
      limitSeconds: seconds,
      say,
    });
  const audience = serviceAccounts === undefined ? [] : ["--service-accounts", serviceAccounts];

  async function whole(program: string, args: readonly string[]): Promise<CommandResult> {
    const result = await node(program, args);
    if (result.isEnded !== true) return result;
    await node(program, ["remove", "--unfinished"], Math.floor(leaseSeconds / 10));
    return result;
  }

  const isThere = () => existsSync(INSTALLED_PROGRAM);
  const readStatus = () => node(INSTALLED_PROGRAM, ["status"], QUICK_SECONDS);

  async function change(args: readonly string[]): Promise<Change> {
    const result = await whole(INSTALLED_PROGRAM, args);
    return result.ok ? { ok: true } : failureOf(result);
  }

  function isConnected({ config }: KubeletFiles): boolean {
    const read = readCredentialProviderFiles(files, { configPath: config, binDirectory: undefined, minor: undefined });
    const texts = read?.files ?? [];
    if (!texts.some(({ text }) => text.includes(PLUGIN_NAME))) return false;
    return (
      serviceAccounts === undefined || tokenAttributesIn(texts).some((entry) => entry.audience === serviceAccounts)
    );
  }

  return {
    version,
    isDisabled: () => existsSync(DISABLED_FILE),
    async installed() {
      if (!isThere()) return undefined;
      const status = await readStatus();
      if (!status.ok || status.version !== version || status.flags === undefined) return undefined;
      return isConnected(status.flags) ? status.flags : undefined;
    },
    async install() {
      const result = await whole(imageProgram, ["install", "--from", folder, "--connect", ...audience]);
      if (result.ok && result.flags !== undefined) return { ok: true, files: result.flags };
      return failureOf(result);
    },
    isThere,
    async remove() {
      const result = await whole(INSTALLED_PROGRAM, ["remove"]);
      return result.ok ? { ok: true, left: result.left ?? [] } : failureOf(result);
    },
    need: async (paths) => kubeletNeed(await readKubeletUse(paths, files, runProgram)),
    addFlags: ({ config, binDir }) =>
      change(["connect", "--kubelet-config", config, "--bin-dir", binDir, ...audience, "--kubelet-flags"]),
    removeFlags: () => change(["disconnect", "--kubelet-flags"]),
    hasAddedFlags: async () => (await readStatus()).flagsIn !== undefined,
    async restartKubelet() {
      await run("systemctl", ["daemon-reload"], { timeout: RELOAD_MS });
      await run("systemctl", ["restart", "kubelet.service"], { timeout: RESTART_MS });
    },
  };
}

function failureOf({ reason }: CommandResult): Failure {
  return { ok: false, reason: reason ?? "it has given no reason" };
}

/** The unpacked archive, in a folder with the archive's name. */
function findArchive(parent: string): { folder: string; version: string } {
  for (const name of readdirSync(parent)) {
    const version = /^ocir-broker-(.+)-linux-[a-z0-9]+$/.exec(name)?.[1];
    if (version !== undefined) return { folder: `${parent}/${name}`, version };
  }
  throw new Error(`the image has no archive of ocir-broker in ${parent}`);
}
