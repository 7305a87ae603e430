/**
 * The steps that connect the kubelet. After each of them a kubelet starts with what its flags name: the plugins come before the
 * configuration that names them, and that before the flags. Pure.
 */
import { DEFAULT_CONFIG_PATH } from "@ocir-broker/credentials/config/load";
import { checkCredentialProviderConfig } from "@ocir-broker/kubelet-config/checking/check";
import { KubeletConfigError } from "@ocir-broker/kubelet-config/kubelet-config-error";
import { mergeProvider } from "@ocir-broker/kubelet-config/merging/merge";
import { isOurPlugin, PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { InstallError } from "../install-error.ts";
import type { ActionStep, FileStep, Step } from "../step.ts";
import { audienceIn, withTokenExchange } from "./broker-config.ts";
import { type ConnectFacts, PLUGIN_FOLDER } from "./connect-facts.ts";

export interface KubeletActions {
  /** Restarts the daemon if it runs. */
  readonly restartDaemon: () => Promise<void>;
  /** Has systemd read the units again. */
  readonly reloadUnits: () => Promise<void>;
}

const FILE_MODE = 0o644;

/** @throws {InstallError} `connect` if the kubelet would not start with the result, or may not. */
export function connectSteps(facts: ConnectFacts, actions: KubeletActions): Step[] {
  const merged = mergedConfig(facts);
  assertStarts(facts, merged);
  const configuration: FileStep = {
    kind: "file",
    name: "kubelet-configuration",
    path: facts.target,
    content: { kind: "text", text: merged, mode: FILE_MODE },
    describe: {
      changes: `${facts.target}: adds our credential provider`,
      check: `a kubelet 1.${facts.kubeletMinor} starts with it, by that version's rules`,
      undo: "the file as it was before",
    },
  };
  return [...pluginSteps(facts), ...withBrokerConfig(facts, configuration, actions), ...flagsSteps(facts)];
}

function mergedConfig({ target, existing, kubeletMinor, options }: ConnectFacts): string {
  const { serviceAccounts: audience } = options;
  try {
    return mergeProvider(existing, {
      kubeletMinor,
      ...(audience !== undefined && { serviceAccounts: { audience } }),
    });
  } catch (error) {
    if (!(error instanceof KubeletConfigError)) throw error;
    throw new InstallError("connect", `${target} cannot be changed: ${error.message}`, { cause: error });
  }
}

/** Checked with the plugins that will exist then. */
function assertStarts(facts: ConnectFacts, merged: string): void {
  const { target, kubeletMinor, isDirectory: directory, hasExecutable } = facts;
  const found = checkCredentialProviderConfig([...facts.otherFiles, { path: target, text: merged }], {
    kubeletMinor,
    directory,
    hasExecutable: (name) => isOurPlugin(name) || hasExecutable(name),
  }).find(({ severity }) => severity !== "warning");
  if (found === undefined) return;
  const { severity, code, file, path, message, fix } = found;
  throw new InstallError(
    "connect",
    `a kubelet 1.${kubeletMinor} would not start with ${facts.paths.config}, or may not: ${severity}: ${code}: ${[file, path].filter(Boolean).join(":")}: ${message}; ${fix}`,
  );
}

function pluginSteps({ hasPlugins, paths }: ConnectFacts): FileStep[] {
  if (hasPlugins) return [];
  return [PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME].map((name) => ({
    kind: "file",
    name: `kubelet-plugin-${name}`,
    path: `${paths.binDir}/${name}`,
    content: { kind: "link", target: `${PLUGIN_FOLDER}/${name}` },
    describe: {
      changes: `${paths.binDir}/${name}: a link to our plugin`,
      check: "the kubelet's folder has an executable file of this name",
      undo: "the file as it was before",
    },
  }));
}

/**
 * The broker accepts the kubelet's tokens before the kubelet sends them. For another audience it accepts any while the
 * kubelet's configuration changes, and until its next start, because a running kubelet sends the old one until it is restarted.
 */
function withBrokerConfig(facts: ConnectFacts, configuration: FileStep, actions: KubeletActions): Step[] {
  const { brokerConfig = "", administratorsConfig, options } = facts;
  const { serviceAccounts: audience } = options;
  if (audience === undefined) return [configuration];
  const text = withTokenExchange(administratorsConfig, audience);
  if (text === brokerConfig) return [configuration];
  const restart = restartStep(actions);
  const final = brokerStep("broker-configuration", text, `the token exchange for the audience ${audience}`);
  const earlier = audienceIn(brokerConfig);
  if (earlier === undefined || earlier === audience) return [final, restart, configuration];
  const open = withTokenExchange(administratorsConfig, undefined);
  return [
    brokerStep("broker-configuration-any-audience", open, "the token exchange for any audience"),
    restart,
    configuration,
    final,
  ];
}

function brokerStep(name: string, text: string, what: string): FileStep {
  return {
    kind: "file",
    name,
    path: DEFAULT_CONFIG_PATH,
    content: { kind: "text", text, mode: FILE_MODE },
    describe: {
      changes: `${DEFAULT_CONFIG_PATH}: adds ${what}`,
      check: "the configuration is valid",
      undo: "the file as it was before",
    },
  };
}

export function restartStep({ restartDaemon }: KubeletActions): ActionStep {
  return {
    kind: "action",
    name: "restart-daemon",
    run: restartDaemon,
    describe: {
      changes: "restarts ocir-broker.service, if it runs",
      check: "systemd reports success",
      undo: "none: it is restarted after its configuration is restored",
    },
  };
}

/**
 * Last: from here on a kubelet's start uses what the steps before have made. systemd reads a drop-in file only when it is told to, as
 * before a restart of the kubelet, so a run that is rolled back leaves no flags there.
 */
function flagsSteps({ flags, target }: ConnectFacts): FileStep[] {
  if (flags === undefined) return [];
  return [
    {
      kind: "file",
      name: "kubelet-flags",
      path: flags.path,
      content: { kind: "text", text: flags.text, mode: FILE_MODE },
      describe: {
        changes: `${flags.path}: adds the kubelet's flags, which name ${target}`,
        check: "its unit has the flags",
        undo: "the file as it was before",
      },
    },
  ];
}

/** Without it, systemd starts the kubelet with the drop-in files as it has read them before. */
export function reloadStep({ reloadUnits }: KubeletActions): ActionStep {
  return {
    kind: "action",
    name: "reload-units",
    run: reloadUnits,
    describe: { changes: "systemctl daemon-reload", check: "systemd reports success", undo: "none" },
  };
}
