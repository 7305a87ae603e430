/** The result that `ocir-broker node … --output json` prints, which the DaemonSet's program reads. */

export interface NodeResult {
  readonly ok: boolean;
  /** If not ok: a row in docs/operations.md. */
  readonly code?: string;
  /** If not ok: for people, one line. */
  readonly reason?: string;
  /** Of the program that printed this. */
  readonly version: string;
  readonly steps: readonly { readonly name: string; readonly state: StepState }[];
  /** The files that a kubelet's flags must name. */
  readonly flags?: KubeletFiles;
  /** Absent if no kubelet runs. */
  readonly kubelet?: KubeletNeed;
  /** Files that stay, for example because somebody else has changed them. */
  readonly left?: readonly { readonly path: string; readonly why: string }[];
}

/** `undone`: changed by this run, and then rolled back. `planned`: --dry-run. */
export type StepState = "done" | "unchanged" | "failed" | "undone" | "planned";

export interface KubeletFiles {
  readonly config: string;
  readonly binDir: string;
}

/** What the running kubelet needs to use ocir-broker. */
export type KubeletNeed =
  | { readonly kind: "nothing" }
  /** It has our flags, but started before they or the configuration existed. */
  | { readonly kind: "restart"; readonly files: KubeletFiles }
  /** It lacks our flags, and a file of its unit can add them: the file's path and its new text. */
  | {
      readonly kind: "flags";
      readonly files: KubeletFiles;
      readonly change: { readonly file: string; readonly text: string };
    }
  /** A person must change its command line. */
  | { readonly kind: "by-hand"; readonly files: KubeletFiles };
