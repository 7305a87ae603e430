/** The kinds of change. The record has the kind of each, and dry run, status, rollback and removal read here how it is undone. */
import { basename } from "node:path";
import { DEFAULT_CONFIG_PATH } from "@ocir-broker/config/load";
import { isOurPlugin, POOL_CONFIG_FILE } from "@ocir-broker/protocol/contract";
import { COMMAND_LINKS, PLUGIN_LINKS } from "../installed-files.ts";

interface Kind {
  /** For people. */
  readonly undo: string;
  /** The reader of the file: when the file is undone, systemd reloads its units, or the daemon is restarted. */
  readonly readBy: "systemd" | "daemon" | "kubelet";
  /** Whether it connects or configures: the files that `status` shows. */
  readonly isShown: boolean;
}

const RESTORES = "restores what was there before";

export const CHANGE_KINDS = {
  program: { undo: "removes it, or restores the previous version", readBy: "daemon", isShown: false },
  command: { undo: RESTORES, readBy: "daemon", isShown: false },
  plugin: {
    undo: `${RESTORES}; if that is nothing and the kubelet names it, a program that returns no credentials stays`,
    readBy: "kubelet",
    isShown: false,
  },
  "kubelet-plugin": {
    undo: `${RESTORES}; if that is nothing and the kubelet names it, the link stays`,
    readBy: "kubelet",
    isShown: true,
  },
  "kubelet-configuration": {
    undo: `${RESTORES}; if that is nothing and the kubelet names it, a valid file stays`,
    readBy: "kubelet",
    isShown: true,
  },
  "kubelet-flags": { undo: `${RESTORES}, and reloads systemd`, readBy: "systemd", isShown: true },
  "broker-configuration": { undo: `${RESTORES}, and restarts the daemon`, readBy: "daemon", isShown: true },
  /** As given; the daemon reads the other file, which has what `connect` adds too. */
  "pool-configuration": { undo: "removes it", readBy: "daemon", isShown: true },
} as const satisfies Record<string, Kind>;

export type ChangeKind = keyof typeof CHANGE_KINDS;

/** The kind that a path shows; undefined for the kubelet's configuration and unit, and for programs. */
export function kindOf(path: string): ChangeKind | undefined {
  if (path in COMMAND_LINKS) return "command";
  if (path in PLUGIN_LINKS) return "plugin";
  if (path === DEFAULT_CONFIG_PATH) return "broker-configuration";
  if (path === POOL_CONFIG_FILE) return "pool-configuration";
  return isOurPlugin(basename(path)) ? "kubelet-plugin" : undefined;
}

/** How an action is undone, for people. */
export const ACTION_UNDO = {
  /** Recorded before the action is run. */
  "disable-units": "disables and stops the units, and removes the folders in /run; the groups stay",
  /** Not recorded, because it follows from the files that are undone. */
  "restart-daemon": "restarts the daemon once its files are restored",
} as const;

export type ActionUndo = keyof typeof ACTION_UNDO;
