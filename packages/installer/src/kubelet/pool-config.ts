/**
 * The configuration of a node's pool, from `node install --config`. It replaces the node's own file, which is restored when the pool's
 * is taken back or ocir-broker is removed. A copy of it as given tells it from what `connect` adds.
 */
import { DEFAULT_CONFIG_PATH, parseYaml } from "@ocir-broker/config/load";
import { POOL_CONFIG_FILE } from "@ocir-broker/protocol/contract";
import type { NodeRun } from "../node-run.ts";
import type { ChangeKind } from "../run/change-kind.ts";
import { linkTargetOf } from "../run/disk.ts";
import { changedPaths, type InstallationRecord, originalText, ownEntry } from "../run/record.ts";
import type { Content, FileStep } from "../run/step.ts";
import { serviceAccountsIn, withTokenExchange } from "./broker-config.ts";

/** A proxy's URL may have a password. The unit copies the file for the daemon. */
const MODE = 0o600;

/** @param given checked; without any setting, the pool's configuration is taken back. */
export function poolConfigSteps(node: NodeRun, given: string): FileStep[] {
  const { disk, record } = node;
  const isGiven = hasSettings(given);
  if (!isGiven && !disk.isThere(POOL_CONFIG_FILE)) return [];
  const entry = ownEntry(disk, record, DEFAULT_CONFIG_PATH);
  const current = disk.read(DEFAULT_CONFIG_PATH)?.toString();
  const audience = current === configBelow(node) ? undefined : serviceAccountsIn(current ?? "")?.audience;
  const own = entry === undefined ? current : originalText(disk, entry);
  const base = isGiven ? given : own;
  const text = audience === undefined ? base : withTokenExchange(base ?? "", audience);
  const target = isGiven || audience !== undefined || entry === undefined ? undefined : linkTargetOf(entry.original);
  const content: Content =
    target === undefined ? contentOf(text, isGiven ? POOL_CONFIG_FILE : entry?.saved) : { kind: "link", target };
  return [
    step("pool-configuration", POOL_CONFIG_FILE, contentOf(isGiven ? given : undefined)),
    step("broker-configuration", DEFAULT_CONFIG_PATH, content),
  ];
}

/** Removes what `connect` has added to the pool's configuration. */
export function poolConfigAlone(node: NodeRun): FileStep[] {
  const text = configBelow(node);
  const isChanged = node.disk.read(DEFAULT_CONFIG_PATH)?.toString() !== text;
  const isPools = poolConfigPaths(node.record).length > 0;
  return isChanged && isPools ? [step("broker-configuration", DEFAULT_CONFIG_PATH, contentOf(text))] : [];
}

/** The files of the pool's configuration; none if it has not given one. */
export function poolConfigPaths(record: InstallationRecord): string[] {
  const given = changedPaths(record, "pool-configuration");
  return given.length === 0 ? [] : [...given, ...changedPaths(record, "broker-configuration")];
}

/** The broker's configuration without what `connect` has added; undefined if there is none. */
export function configBelow({ disk, record }: NodeRun): string | undefined {
  const entry = ownEntry(disk, record, DEFAULT_CONFIG_PATH);
  if (entry === undefined) return disk.read(DEFAULT_CONFIG_PATH)?.toString();
  return disk.read(POOL_CONFIG_FILE)?.toString() ?? originalText(disk, entry);
}

/** False for a text that is not YAML. */
export function hasSettings(text: string): boolean {
  const { value } = parseYaml(text);
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

/** @param like the file whose mode and owner it has. */
function contentOf(text: string | undefined, like?: string): Content {
  return text === undefined ? { kind: "absent" } : { kind: "text", text, mode: MODE, like };
}

function step(change: ChangeKind, path: string, content: Content): FileStep {
  return {
    kind: "file",
    change,
    name: "configuration",
    path,
    content,
    changes: `${path}: ${content.kind === "absent" ? "removed" : "the given configuration"}`,
    check: "the configuration is valid",
  };
}
