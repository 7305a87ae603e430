/**
 * The steps of an installation. A step is data: what it changes, how that is checked, and how it is undone. `run.ts` applies them
 * in order and records each change before it is made.
 */

import type { ActionUndo, ChangeKind } from "./change-kind.ts";

/** What is at a path after a step. A folder that is missing above it is made with mode 0755. */
export type Content =
  | { readonly kind: "absent" }
  | { readonly kind: "link"; readonly target: string }
  /** Mode and owner are those of the file `like`, by default of the one that is replaced; `mode` and root if it does not exist. */
  | { readonly kind: "text"; readonly text: string; readonly mode: number; readonly like?: string | undefined }
  /** A copy of `from`, owned by root. `sha256` is that of its content, in hex. */
  | { readonly kind: "copy"; readonly from: string; readonly sha256: string; readonly mode: number };

interface Described {
  /** Short and stable, in kebab-case: `kubelet-configuration`. */
  readonly name: string;
  /** For people, one line without a full stop, like `check`. */
  readonly changes: string;
  readonly check: string;
}

/** Replaces a file by one rename. Does nothing if the path has the content already. */
export interface FileStep extends Described {
  readonly kind: "file";
  readonly change: ChangeKind;
  /** Absolute; its folder is not a link that another user can change. */
  readonly path: string;
  readonly content: Content;
}

/** Changes no file that is recorded: reloads systemd, enables and starts units, tries the daemon. */
export interface ActionStep extends Described {
  readonly kind: "action";
  /** @throws {InstallError} the run is rolled back. */
  readonly run: () => Promise<void>;
  readonly undo: ActionUndo;
}

export type Step = FileStep | ActionStep;

export function linkStep(name: string, change: ChangeKind, path: string, target: string): FileStep {
  const about = { changes: `links ${path} to ${target}`, check: "the link leads to the program" };
  return { kind: "file", change, name, path, content: { kind: "link", target }, ...about };
}

/** Restores what was there before our first change. A file that somebody else has changed since stays. */
export interface RestoreStep {
  readonly name: string;
  readonly path: string;
  /** The file that stays, with the reason in words, if nothing was there before but a kubelet still names the path. */
  readonly instead?: { readonly content: Content; readonly why: string } | undefined;
}
