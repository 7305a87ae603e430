/** The result that `ocir-broker node … --output json` prints, which the DaemonSet's program reads. */

export interface NodeResult {
  readonly ok: boolean;
  /** The failure's code if not ok: a row in docs/operations.md. */
  readonly code?: string;
  /** The failure for people if not ok: one line. */
  readonly reason?: string;
  /** The version of the program that printed this. */
  readonly version: string;
  readonly steps: readonly { readonly name: string; readonly state: StepState }[];
  /** The files that a kubelet's flags must name. */
  readonly flags?: KubeletFiles;
  /** The file of the kubelet's unit to which `--kubelet-flags` has added them; absent if it has not. */
  readonly flagsIn?: string;
  /** Absent if the kubelet was not examined. */
  readonly kubelet?: KubeletNeed;
  /** Files that stay, for example because somebody else has changed them. */
  readonly left?: readonly { readonly path: string; readonly why: string }[];
  /** After a removal: the programs are a package's, which stays. */
  readonly isPackage?: true;
}

/** `changed since`: by somebody else. */
type StepState = "done" | "changed since";

export interface KubeletFiles {
  readonly config: string;
  readonly binDir: string;
}

/** What the kubelet needs to use ocir-broker. */
export type KubeletNeed = KubeletStep & {
  /** No kubelet runs. */
  readonly isStopped?: true;
};

type KubeletStep =
  | { readonly kind: "nothing" }
  /** It uses ocir-broker, but `node connect` would change its configuration or the plugin. */
  | { readonly kind: "outdated" }
  /** Before anything else: it would not start with its configuration, or not use ocir-broker. */
  | { readonly kind: "connect"; readonly lack: KubeletLack }
  /** It started before its configuration or its flags existed as they are now. */
  | { readonly kind: "restart"; readonly because: "configuration" | "flags" }
  /** Its unit lacks a flag, and this line adds it; then a restart. */
  | { readonly kind: "flags"; readonly change: LineChange; readonly why: FlagsReason }
  /** A person must change its command line. */
  | { readonly kind: "by-hand"; readonly why: FlagsReason | "others" };

/**
 * `file`: the configuration does not exist; `connection`: nor do flags that name it; `entry`: it does not name our plugin; `error`: a
 * kubelet does not start with it; `unclear`: ocir-broker does not read or understand it.
 */
export type KubeletLack =
  | { readonly kind: "file" | "connection" | "entry" }
  | { readonly kind: "error" | "unclear"; readonly reason: string };

/** Which flags the unit lacks: both, one, or those that were added to a file which has been written again since. */
export type FlagsReason = "none" | "one" | "lost";

export interface LineChange {
  readonly file: string;
  /** The line that it replaces, counted from 1; undefined: the file is new and sets the line in [Service]. */
  readonly at?: number | undefined;
  readonly line: string;
}
