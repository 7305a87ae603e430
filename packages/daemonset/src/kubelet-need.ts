/** Parses the output of kubelet-advice for programs: the changes that the running kubelet needs to use ocir-broker. */

export type KubeletNeed =
  | { readonly kind: "nothing" }
  /** It has our flags, but started before they or the configuration existed. */
  | { readonly kind: "restart"; readonly files: KubeletFiles }
  /** It lacks our flags, and a drop-in file of its unit can add them. */
  | { readonly kind: "drop-in"; readonly files: KubeletFiles; readonly dropIn: string }
  /** A person must change its command line. */
  | { readonly kind: "by-hand" };

interface KubeletFiles {
  readonly config: string;
  readonly binDir: string;
}

/** Unknown text counts as `by-hand`, so that a person looks at the node. */
export function parseKubeletNeed(text: string): KubeletNeed {
  const [kind, config, binDir, ...dropIn] = text.trimEnd().split("\n");
  if (kind === "nothing") return { kind };
  if (config === undefined || binDir === undefined) return { kind: "by-hand" };
  const files = { config, binDir };
  if (kind === "restart") return { kind, files };
  if (kind === "drop-in" && dropIn.length > 0) return { kind, files, dropIn: `${dropIn.join("\n")}\n` };
  return { kind: "by-hand" };
}
