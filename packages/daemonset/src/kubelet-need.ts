/** Parses the output of kubelet-advice for programs: the changes that the running kubelet needs to use ocir-broker. */

export type KubeletNeed =
  | { readonly kind: "nothing" }
  /** It has our flags, but started before they or the configuration existed. */
  | { readonly kind: "restart"; readonly files: KubeletFiles }
  /** It lacks our flags, and a file of its unit can add them. */
  | { readonly kind: "flags"; readonly files: KubeletFiles; readonly change: FileChange }
  /** A person must change its command line. */
  | { readonly kind: "by-hand" };

export interface KubeletFiles {
  readonly config: string;
  readonly binDir: string;
}

/** A file of the node's and its new content. */
export interface FileChange {
  readonly file: string;
  readonly text: string;
}

/** Unknown text counts as `by-hand`, so that a person looks at the node. */
export function parseKubeletNeed(text: string): KubeletNeed {
  const [kind, config, binDir, file, ...lines] = text.trimEnd().split("\n");
  if (kind === "nothing") return { kind };
  if (config === undefined || binDir === undefined) return { kind: "by-hand" };
  const files = { config, binDir };
  if (kind === "restart") return { kind, files };
  if (kind === "flags" && file !== undefined && lines.length > 0)
    return { kind, files, change: { file, text: `${lines.join("\n")}\n` } };
  return { kind: "by-hand" };
}
