/**
 * The steps of an installation. A step is data: what it changes, how that is checked, and how it is undone. `run.ts` applies them
 * in order and records each change before it is made.
 */

/** What is at a path after a step. A folder that is missing above it is made with mode 0755. */
export type Content =
  | { readonly kind: "absent" }
  | { readonly kind: "link"; readonly target: string }
  /** `mode` is for a new file: a file that exists keeps its mode and owner. */
  | { readonly kind: "text"; readonly text: string; readonly mode: number }
  /** A copy of `from`, owned by root. `sha256` is that of its content, in hex. */
  | { readonly kind: "copy"; readonly from: string; readonly sha256: string; readonly mode: number };

/** For people, one line each, without a full stop. */
interface Description {
  readonly changes: string;
  readonly check: string;
  readonly undo: string;
}

/** Replaces a file by one rename. Does nothing if the path has the content already. */
export interface FileStep {
  readonly kind: "file";
  /** Short and stable, in kebab-case: `kubelet-configuration`. */
  readonly name: string;
  /** Absolute; its folder is not a link that another user can change. */
  readonly path: string;
  readonly content: Content;
  readonly describe: Description;
}

/** Gives a path of ours back: what was there before the first change. A file that somebody else has changed since stays. */
export interface RestoreStep {
  readonly kind: "restore";
  readonly name: string;
  readonly path: string;
  /** If nothing was there before, but a kubelet still names the path: what stays instead, and why, in words. */
  readonly instead?: { readonly content: Content; readonly why: string };
  readonly describe: Description;
}

/** Changes no file that is recorded: reloads systemd, enables and starts units, asks the daemon. */
export interface ActionStep {
  readonly kind: "action";
  readonly name: string;
  /** @throws {InstallError} the run is rolled back. */
  readonly run: () => Promise<void>;
  readonly describe: Description;
}

export type Step = FileStep | RestoreStep | ActionStep;
