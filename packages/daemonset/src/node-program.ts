/** What the DaemonSet's program does on the node around the container: `ocir-broker node …`, and what it finds there. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { readCredentialProviderFiles, tokenAttributesIn } from "@ocir-broker/node/credential-provider-files";
import { createNodeFiles, textOf } from "@ocir-broker/node/node-files";
import { DISABLED_FILE, INSTALLED_PROGRAM, PLUGIN_NAME, POOL_CONFIG_FILE } from "@ocir-broker/protocol/contract";
import type { KubeletFiles, NodeResult } from "@ocir-broker/protocol/node-result";
import type { NodeFacts } from "./decide.ts";
import { type Outcome, PATH, spawnNodeCommand } from "./node-command.ts";
import type { Settings } from "./settings.ts";

/** Time limit of a program that only prints something. */
const QUICK_SECONDS = 20;

export type NodeProgram = ReturnType<typeof createNodeProgram>;

interface NodeProgramOptions extends Pick<Settings, "image" | "leaseSeconds" | "serviceAccounts" | "config"> {
  say(line: string): void;
}

/** @param root of the node's files. */
export function createNodeProgram(options: NodeProgramOptions, root = "", kubeletStart = readKubeletStart) {
  const { image, leaseSeconds, serviceAccounts, say } = options;
  const { folder, version } = findArchive(`${image}/ocir-broker`);
  const files = createNodeFiles(`${root}/`);
  const nodeProgram = `${root}${INSTALLED_PROGRAM}`;
  const imageProgram = `${folder}/ocir-broker`;
  const audience = serviceAccounts === undefined ? [] : [`--service-accounts=${serviceAccounts}`];
  const config = options.config?.trim() === "{}" ? "" : options.config;
  const given = config === undefined ? [] : ["--config", "-"];

  /** By default, the command ends while a pod that is being deleted may still run. */
  const node = (program: string, args: readonly string[], limitSeconds = Math.floor(leaseSeconds / 2)) =>
    spawnNodeCommand({
      input: config,
      command: [program, "node", ...args],
      // The loader cannot find the library beside the image's program, whose own path does not exist on the node.
      libraries: program === imageProgram ? `${image}/ocir-broker` : undefined,
      limitSeconds,
      say,
    });

  /** The sums of an archive's files. A package has none. */
  const sumsIn = (path: string) => resultIfAny(() => readFileSync(`${path}/SHA256SUMS`, "utf8"));
  const isPackage = () => sumsIn(dirname(nodeProgram)) === undefined;
  const isThisBuild = () => isPackage() || sumsIn(dirname(nodeProgram)) === sumsIn(folder);

  const isConfigured = () => config === undefined || (textOf(files.readText(POOL_CONFIG_FILE)) ?? "") === config;

  function isConnected({ config }: KubeletFiles): boolean {
    const texts = readCredentialProviderFiles(files, config).files;
    return (
      texts.some(({ text }) => text.includes(PLUGIN_NAME)) &&
      (serviceAccounts === undefined || tokenAttributesIn(texts).some(({ audience }) => audience === serviceAccounts))
    );
  }

  const isAsWanted = ({ ok, version: found, flags }: NodeResult): boolean =>
    ok && found === version && flags !== undefined && isThisBuild() && isConfigured() && isConnected(flags);

  return {
    /** The image's. */
    version,
    async look(): Promise<NodeFacts> {
      const isThere = existsSync(nodeProgram);
      const status = isThere ? await node(nodeProgram, ["status"], QUICK_SECONDS) : undefined;
      return {
        isDisabled: existsSync(`${root}${DISABLED_FILE}`),
        isThere,
        isAsWanted: status !== undefined && isAsWanted(status),
        need: status?.kubelet,
        flags: status?.flags,
        flagsIn: status?.flagsIn,
        kubeletStartMs: await kubeletStart(),
        version: status?.ok ? status.version : undefined,
        summary: summaryOf(status),
      };
    },
    /** @param found the version on the node. */
    install(found: string | undefined): Promise<Outcome> {
      const connect = ["--connect", ...audience, ...given];
      // A package of this version is only connected; the image's archive refuses another one.
      return found === version && isPackage()
        ? node(nodeProgram, ["install", ...connect])
        : node(imageProgram, ["install", "--from", folder, ...connect]);
    },
    remove: (): Promise<Outcome> => node(nodeProgram, ["remove"]),
    /** Adds the flags, and restarts the kubelet. If it does not run with them within the limit, they are taken back. */
    connect(files: KubeletFiles | undefined, limitSeconds: number): Promise<Outcome> {
      const paths = files === undefined ? [] : ["--kubelet-config", files.config, "--bin-dir", files.binDir];
      return node(nodeProgram, ["connect", ...paths, ...audience, ...restartWithin(limitSeconds)]);
    },
    /** Takes the added flags back, and restarts the kubelet. */
    disconnect: (limitSeconds: number): Promise<Outcome> =>
      node(nodeProgram, ["disconnect", ...restartWithin(limitSeconds)]),
  };
}

const restartWithin = (limitSeconds: number) => ["--kubelet-flags", "--restart", "--limit", String(limitSeconds)];

/** @throws if systemd does not respond. */
async function readKubeletStart(): Promise<number> {
  const args = ["show", "--value", "--property=ExecMainStartTimestamp", "kubelet.service"];
  const env = { PATH, TZ: "UTC", LC_ALL: "C" };
  const { stdout } = await promisify(execFile)("systemctl", args, { env, timeout: QUICK_SECONDS * 1_000 });
  const [, day, time] = /^\S+ (\S+) (\S+) UTC$/m.exec(stdout) ?? [];
  return day === undefined ? 0 : Date.parse(`${day}T${time}Z`);
}

/** @param status undefined if the program is not there. */
function summaryOf(status: NodeResult | undefined): string {
  if (status === undefined) return "ocir-broker is not installed";
  if (!status.ok) return `ocir-broker node status reports: ${status.reason}`;
  const flags = status.flagsIn === undefined ? "no flags were added" : `flags were added to ${status.flagsIn}`;
  return `version ${status.version} is installed, and ${flags}`;
}

/** The unpacked archive, in a folder with the archive's name. */
function findArchive(parent: string): { folder: string; version: string } {
  for (const name of readdirSync(parent)) {
    const version = /^ocir-broker-(.+)-linux-[a-z0-9]+$/.exec(name)?.[1];
    if (version !== undefined) return { folder: `${parent}/${name}`, version };
  }
  throw new Error(`the image has no archive of ocir-broker in ${parent}`);
}
