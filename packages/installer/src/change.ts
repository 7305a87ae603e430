/** What a command changes of the files that are not ours. */
import type { Content, PathState } from "./disk.ts";

export type ChangeKind =
  | "command"
  | "plugin"
  /** In the folder of the kubelet's flags, if that is another one. */
  | "kubelet-plugin"
  | "kubelet-configuration"
  | "kubelet-flags"
  | "broker-configuration";

/** What a connection of the kubelet changes. */
export const CONNECTION_KINDS = [
  "kubelet-plugin",
  "kubelet-configuration",
  "kubelet-flags",
  "broker-configuration",
] as const satisfies readonly ChangeKind[];

export interface Change {
  readonly kind: ChangeKind;
  readonly path: string;
  readonly content: Content;
  /** Of a restoration: why a file of ours stays. */
  readonly why?: string | undefined;
}

export interface Entry {
  readonly kind: ChangeKind;
  /** Whether there is a copy; else nothing was there. */
  readonly hasCopy: boolean;
  /** What we wrote last, and what we wrote before, because a run may end between the list and the change. */
  readonly written: readonly PathState[];
}
