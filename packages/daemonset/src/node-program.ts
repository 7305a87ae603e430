/** What the DaemonSet's program does on the node around the container: `ocir-broker node …`, and systemctl for the kubelet. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { readCredentialProviderFiles, tokenAttributesIn } from "@ocir-broker/node/credential-provider-files";
import { createNodeFiles, textOf } from "@ocir-broker/node/node-files";
import { DISABLED_FILE, INSTALLED_PROGRAM, PLUGIN_NAME, POOL_CONFIG_FILE } from "@ocir-broker/protocol/contract";
import type { KubeletFiles, KubeletNeed, NodeResult } from "@ocir-broker/protocol/node-result";
import { type CommandResult, type Outcome, spawnNodeCommand } from "./node-command.ts";
import type { Settings } from "./settings.ts";

const run = promisify(execFile);
/** Time limit of a program that only prints something. */
const QUICK_SECONDS = 20;
const RELOAD_MS = 60_000;
const RESTART_MS = 120_000;

export type NodeProgram = ReturnType<typeof createNodeProgram>;

export interface Installed {
  readonly files: KubeletFiles;
  readonly need: KubeletNeed;
}

/** For people: what is on the node after a failure. */
export interface Left {
  readonly version: string | undefined;
  readonly text: string;
}

interface NodeProgramOptions extends Pick<Settings, "image" | "leaseSeconds" | "serviceAccounts" | "config"> {
  say(line: string): void;
}

/** @param root of the node's files. */
export function createNodeProgram(options: NodeProgramOptions, root = "") {
  const { image, leaseSeconds, serviceAccounts, say } = options;
  const { folder, version } = findArchive(`${image}/ocir-broker`);
  const files = createNodeFiles(`${root}/`);
  const nodeProgram = `${root}${INSTALLED_PROGRAM}`;
  // An installation and the restoration after it end while a pod that is being deleted may still run.
  const limitSeconds = Math.floor(leaseSeconds / 2);
  const imageProgram = `${folder}${INSTALLED_PROGRAM}`;
  const audience = serviceAccounts === undefined ? [] : [`--service-accounts=${serviceAccounts}`];
  const config = options.config?.trim() === "{}" ? "" : options.config;
  const given = config === undefined ? [] : ["--config", "-"];

  const node = (program: string, args: readonly string[], seconds = limitSeconds) =>
    spawnNodeCommand({
      input: config,
      command: [program, "node", ...args],
      // The loader cannot find the library beside the image's program, whose own path does not exist on the node.
      libraries: program === imageProgram ? `${image}/ocir-broker` : undefined,
      limitSeconds: seconds,
      say,
    });

  async function change(args: readonly string[], program = nodeProgram): Promise<CommandResult> {
    const result = await node(program, args);
    if (!result.ok && result.isEnded) await node(program, ["remove", "--unfinished"], Math.floor(leaseSeconds / 10));
    return result;
  }

  const isThere = (): boolean => existsSync(nodeProgram);
  const readStatus = () => node(nodeProgram, ["status"], QUICK_SECONDS);

  /** A package has no list. */
  function isAnotherBuild(): boolean {
    const [list, ours] = [`${dirname(nodeProgram)}/SHA256SUMS`, `${folder}/SHA256SUMS`].map((path) =>
      resultIfAny(() => readFileSync(path, "utf8")),
    );
    return list !== undefined && ours !== undefined && list !== ours;
  }

  const isConfigured = () => config === undefined || (textOf(files.readText(POOL_CONFIG_FILE)) ?? "") === config;

  function isConnected({ config }: KubeletFiles): boolean {
    const texts = readCredentialProviderFiles(files, config).files;
    if (!texts.some(({ text }) => text.includes(PLUGIN_NAME))) return false;
    return (
      serviceAccounts === undefined || tokenAttributesIn(texts).some((entry) => entry.audience === serviceAccounts)
    );
  }

  return {
    /** The image's. */
    version,
    /** Whether an administrator has switched ocir-broker off on this node. */
    isDisabled: (): boolean => existsSync(DISABLED_FILE),
    /** Undefined unless the image's version is installed and the kubelet's configuration names it. */
    async installed(): Promise<Installed | undefined> {
      if (!isThere()) return undefined;
      const { ok, version: found, flags, kubelet } = await readStatus();
      if (!ok || found !== version || flags === undefined || kubelet === undefined) return undefined;
      if (isAnotherBuild()) return undefined;
      return isConfigured() && isConnected(flags) ? { files: flags, need: kubelet } : undefined;
    },
    /** The result has the files of the kubelet's flags, and its need. */
    install: (): Promise<Outcome> =>
      change(["install", "--from", folder, "--connect", ...audience, ...given], imageProgram),
    /** Whether any version is installed. */
    isThere,
    remove: (): Promise<Outcome> => change(["remove"]),
    /** Undefined if the status cannot be read, for example because the record is lost. */
    need: async (): Promise<KubeletNeed | undefined> => (await readStatus()).kubelet,
    addFlags: ({ config, binDir }: KubeletFiles): Promise<Outcome> =>
      change(["connect", "--kubelet-config", config, "--bin-dir", binDir, ...audience, "--kubelet-flags"]),
    removeFlags: (): Promise<Outcome> => change(["disconnect", "--kubelet-flags"]),
    /** Whether a file of the kubelet's unit has flags that were added. */
    hasAddedFlags: async (): Promise<boolean> => (await readStatus()).flagsIn !== undefined,
    left: async (): Promise<Left> => leftIn(isThere() ? await readStatus() : undefined),
    /** Rejects if it does not start. */
    async restartKubelet(): Promise<void> {
      await run("systemctl", ["daemon-reload"], { timeout: RELOAD_MS });
      await run("systemctl", ["restart", "kubelet.service"], { timeout: RESTART_MS });
    },
  };
}

/** @param result of `node status`; undefined if the program is not there. */
export function leftIn(result: NodeResult | undefined): Left {
  if (result === undefined) return { version: undefined, text: "ocir-broker is not installed" };
  if (!result.ok) return { version: undefined, text: `ocir-broker node status reports: ${result.reason}` };
  const flags = result.flagsIn === undefined ? "no flags were added" : `flags were added to ${result.flagsIn}`;
  return { version: result.version, text: `version ${result.version} is installed, and ${flags}` };
}

/** The unpacked archive, in a folder with the archive's name. */
function findArchive(parent: string): { folder: string; version: string } {
  for (const name of readdirSync(parent)) {
    const version = /^ocir-broker-(.+)-linux-[a-z0-9]+$/.exec(name)?.[1];
    if (version !== undefined) return { folder: `${parent}/${name}`, version };
  }
  throw new Error(`the image has no archive of ocir-broker in ${parent}`);
}
