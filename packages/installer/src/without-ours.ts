/** The texts of others without what we have added to them. Pure. */
import { removeProviders } from "@ocir-broker/kubelet-config/merging/merge";
import { flagsInText, withoutFlags } from "@ocir-broker/node/kubelet-unit";
import { PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { ChangeKind } from "./change.ts";

const EXCHANGE = /\n?serviceAccounts:\n {2}tokenExchange: oke\n(?: {2}audience: .*\n)?$/;

/** What remains of our own drop-in file. */
const NO_FLAGS = /^\[Service\]\nEnvironment="KUBELET_EXTRA_ARGS= *"\n$/;

/**
 * @param original the text before our first change, if it is known: what it has too is not ours.
 * @returns undefined if all of it is ours.
 */
export function withoutOurs(kind: ChangeKind, text: string, original = ""): string | undefined {
  switch (kind) {
    case "kubelet-configuration":
      // Another provider of our plugin's name.
      if (original.includes(PLUGIN_NAME)) return text;
      return withoutProviders(text);
    case "kubelet-flags": {
      const without = withoutFlags(text, flagsInText(original));
      return NO_FLAGS.test(without) ? undefined : without;
    }
    case "broker-configuration":
      return withoutTokenExchange(text);
    default:
      return text;
  }
}

function withoutProviders(text: string): string | undefined {
  try {
    return removeProviders(text);
  } catch {
    // Nobody but its owner can edit it.
    return text;
  }
}

/** Undefined if nothing else is in it. */
export function withoutTokenExchange(text: string): string | undefined {
  return text.replace(EXCHANGE, "") || undefined;
}
