/**
 * The steps that restore what `connect` has changed, in the reverse order: the flags, then the configuration, then the plugins. What a
 * kubelet still names stays, in a form with which it starts. Changes nothing itself.
 */
import { basename, dirname } from "node:path";
import { DEFAULT_CONFIG_PATH } from "@ocir-broker/credentials/config/load";
import { mergeProvider } from "@ocir-broker/kubelet-config/merging/merge";
import { isConfigName } from "@ocir-broker/node/credential-provider-files";
import { OWN_DROP_IN } from "@ocir-broker/node/kubelet-unit";
import { type NodeFiles, pathsIn, textOf } from "@ocir-broker/node/node-files";
import { isOurPlugin, PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { Content, RestoreStep, Step } from "../step.ts";
import { DEFAULT_PATHS, PLUGIN_FOLDER } from "./connect-facts.ts";
import { type KubeletActions, reloadStep, restartStep } from "./connect-steps.ts";
import type { KubeletNames } from "./kubelet-names.ts";

/** A path that `connect` has changed. */
export interface ConnectedFile {
  readonly path: string;
  /** The text before our change; undefined if there was no file. */
  readonly original: string | undefined;
}

export interface DisconnectFacts {
  readonly connected: readonly ConnectedFile[];
  /** After the flags are restored. Undefined if it is uncertain what a kubelet names: then all of it stays. */
  readonly names: KubeletNames | undefined;
  readonly files: NodeFiles;
}

export interface Disconnection {
  readonly steps: readonly (RestoreStep | Extract<Step, { kind: "action" }>)[];
  /** Whether a kubelet would not start without this plugin, after these steps. */
  needsPlugin(path: string): boolean;
}

/** Service accounts exist since this version, and later ones read the same. */
const SERVICE_ACCOUNTS_MINOR = 34;

const FLAGS_VARIABLE = "KUBELET_EXTRA_ARGS=";

/** The files of the kubelet's unit to which the flags were added. */
export function flagsFiles({ connected, files }: Pick<DisconnectFacts, "connected" | "files">): ConnectedFile[] {
  return connected.filter((file) => kindOf(file, files) === "flags");
}

/** First, because what the kubelet names afterwards decides about the rest. */
export function flagsDisconnection(facts: Pick<DisconnectFacts, "connected" | "files">, actions: KubeletActions) {
  const flags = flagsFiles(facts);
  return flags.length === 0 ? [] : [...flags.map((file) => restoreStep("kubelet-flags", file)), reloadStep(actions)];
}

/** The rest, after the flags. */
export function disconnection(facts: DisconnectFacts, actions: KubeletActions): Disconnection {
  const { files } = facts;
  const of = (kind: Kind) => facts.connected.filter((file) => kindOf(file, files) === kind);
  const configs = of("configuration").map((file) => ({ ...file, instead: insteadOf(file, facts) }));
  const texts = configs.map(({ path, original, instead }): [string, string | undefined] => [
    path,
    original ?? (instead?.content.kind === "text" ? instead.content.text : undefined),
  ]);
  const after = withTexts(files, new Map(texts));
  const restored = new Set(of("plugin").flatMap(({ path, original }) => (original === undefined ? [] : [path])));
  const isLink = (link: string, path: string): boolean => {
    const target = files.readLink(link);
    return !restored.has(link) && "value" in target && target.value === path;
  };
  const needsPlugin = (path: string) => isPluginNeeded(path, facts.names, after, isLink);
  const brokerConfig = of("broker");
  return {
    needsPlugin,
    steps: [
      ...configs.map((file) => restoreStep("kubelet-configuration", file, file.instead)),
      ...brokerConfig.map((file) => restoreStep("broker-configuration", file)),
      ...(brokerConfig.length === 0 ? [] : [restartStep(actions)]),
      ...of("plugin").map((file) => {
        const target = `${PLUGIN_FOLDER}/${basename(file.path)}`;
        const stays = needsPlugin(file.path) && { content: { kind: "link", target } as const, why: STILL_NAMED };
        return restoreStep(`kubelet-plugin-${basename(file.path)}`, file, stays || undefined);
      }),
    ],
  };
}

const STILL_NAMED = "a kubelet still names it, and starts with it. Once no kubelet does, delete it";

type Kind = "flags" | "configuration" | "broker" | "plugin";

function kindOf({ path, original = "" }: ConnectedFile, files: NodeFiles): Kind {
  if (isOurPlugin(basename(path))) return "plugin";
  if (path === DEFAULT_CONFIG_PATH) return "broker";
  const texts = [original, textOf(files.readText(path)) ?? ""];
  return path === OWN_DROP_IN || texts.some((text) => text.includes(FLAGS_VARIABLE)) ? "flags" : "configuration";
}

/** The same files, some of them with another text; undefined: no file. */
function withTexts(files: NodeFiles, texts: ReadonlyMap<string, string | undefined>): NodeFiles {
  return {
    ...files,
    readText(path) {
      const resolved = files.resolve(path);
      if (!texts.has(resolved)) return files.readText(path);
      const value = texts.get(resolved);
      return value === undefined ? { failure: "ENOENT" } : { value };
    },
  };
}

function restoreStep(name: string, { path, original }: ConnectedFile, instead?: RestoreStep["instead"]): RestoreStep {
  return {
    kind: "restore",
    name,
    path,
    ...(instead !== undefined && { instead }),
    describe: {
      changes: `${path}: ${original === undefined ? "removed" : "as it was before"}`,
      check: "nobody else has changed it since",
      undo: "ocir-broker node connect",
    },
  };
}

/**
 * What stays of a configuration that a kubelet names. It must not name the plugin for service accounts, because the token exchange is
 * removed from the broker's configuration.
 */
function insteadOf({ path }: ConnectedFile, { names, files }: DisconnectFacts): RestoreStep["instead"] {
  if (!isConfigNeeded(path, names, files)) return undefined;
  const text = textOf(files.readText(path)) ?? "";
  if (!text.includes(SERVICE_ACCOUNT_PLUGIN_NAME)) return { content: textContent(text), why: STILL_NAMED };
  return {
    content: textContent(mergeProvider(undefined, { kubeletMinor: SERVICE_ACCOUNTS_MINOR })),
    why: `${STILL_NAMED}. It has the credential provider ${PLUGIN_NAME} instead of ${SERVICE_ACCOUNT_PLUGIN_NAME}: restart the kubelet`,
  };
}

function textContent(text: string): Content {
  return { kind: "text", text, mode: 0o644 };
}

function isConfigNeeded(path: string, names: KubeletNames | undefined, files: NodeFiles): boolean {
  if (names === undefined) return true;
  return names.configs.some((named) => {
    const folder = files.resolve(named);
    if (folder === files.resolve(path)) return true;
    // In a directory of configurations, the last one must stay.
    return folder === files.resolve(dirname(path)) && pathsIn(folder, files).filter(isConfigName).length <= 1;
  });
}

/** Uncertain counts as needed, which costs one small file. */
function isPluginNeeded(
  path: string,
  names: KubeletNames | undefined,
  files: NodeFiles,
  isLink: (link: string, path: string) => boolean,
): boolean {
  if (names === undefined) return true;
  const plugin = basename(path);
  const texts = [DEFAULT_PATHS.config, ...names.configs].flatMap((named) =>
    [named, ...pathsIn(named, files)].map((file) => textOf(files.readText(file)) ?? ""),
  );
  if (!texts.some((text) => text.includes(plugin))) return false;
  // Another folder has its own plugin, unless that is a link to ours.
  const isHere = (folder: string): boolean =>
    files.resolve(folder) === files.resolve(dirname(path)) || isLink(`${folder.replace(/\/$/, "")}/${plugin}`, path);
  return names.binDirs.length === 0 || names.binDirs.some(isHere);
}
