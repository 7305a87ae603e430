/** The kubelet's arguments as one text, which a bootstrap passes to it. */
import { flagsIn } from "@ocir-broker/node/kubelet";
import { flagsToAdd } from "@ocir-broker/node/kubelet-unit";
import { STATE_LABEL, VERSION_LABEL } from "@ocir-broker/protocol/contract";
import type { KubeletFiles } from "@ocir-broker/protocol/node-result";

/** Splits at blanks outside quotes, and removes the quotes. */
export function wordsOf(text: string): string[] {
  const words = text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replaceAll(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}

/** The flags of our two that the arguments lack. */
export function missingFlags(kubeletArgs: string, paths: KubeletFiles): string {
  return flagsToAdd(flagsIn(wordsOf(kubeletArgs)), paths);
}

/** A kubelet adds them to the labels of its other flags, and sets them only when it creates its Node. */
export function nodeLabels(version: string): string {
  return `--node-labels=${STATE_LABEL}=bootstrapped,${VERSION_LABEL}=${version}`;
}
