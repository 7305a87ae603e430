/** The result of the node's kubelet-advice in the form for programs: what the running kubelet needs to use ocir-broker. */

export type KubeletNeed =
  | { readonly kind: "nothing" }
  /** It has our flags, but started before they or the configuration were there. */
  | { readonly kind: "restart"; readonly files: KubeletFiles }
  /** It lacks our flags, and a drop-in file of its unit can add them. */
  | { readonly kind: "drop-in"; readonly files: KubeletFiles; readonly dropIn: string }
  /** Its command line must be changed by a person. */
  | { readonly kind: "by-hand" };

interface KubeletFiles {
  readonly config: string;
  readonly binDir: string;
}

/** Text that cannot be understood means that a person must look. */
export function parseKubeletNeed(text: string): KubeletNeed {
  const [kind, config, binDir, ...dropIn] = text.trimEnd().split("\n");
  if (kind === "nothing") return { kind };
  if (config === undefined || binDir === undefined) return { kind: "by-hand" };
  const files = { config, binDir };
  if (kind === "restart") return { kind, files };
  if (kind === "drop-in" && dropIn.length > 0) return { kind, files, dropIn: `${dropIn.join("\n")}\n` };
  return { kind: "by-hand" };
}
