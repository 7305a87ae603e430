/** Our entry in the kubelet's configuration. A new file begins with a mark, by which it is recognised without the record. */

import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { type MergeOptions, mergeProvider } from "@ocir-broker/kubelet-config/merging/merge";
import { tokenAttributesIn } from "@ocir-broker/node/credential-provider-files";

const MARK = "# Written by ocir-broker";

/** The first version that sends service-account tokens without a feature gate; later ones have the same rules for our entries. */
export const SERVICE_ACCOUNTS_MINOR = 34;

/** @throws {KubeletConfigError} */
export function mergedConfig(existing: string | undefined, options: MergeOptions): string {
  return mergeProvider(existing ?? MARK, options);
}

/** Without service accounts. */
export function newConfig(): string {
  return mergedConfig(undefined, { kubeletMinor: SERVICE_ACCOUNTS_MINOR });
}

/** Whether our change of the previous text gives this text. */
export function isMergedFrom(before: string | undefined, text: string): boolean {
  const [audience] = tokenAttributesIn([{ path: "", text }]).map((entry) => entry.audience);
  const serviceAccounts = audience === undefined ? {} : { serviceAccounts: { audience } };
  const merged = (existing: string | undefined) =>
    resultIfAny(() => mergedConfig(existing, { kubeletMinor: SERVICE_ACCOUNTS_MINOR, ...serviceAccounts }));
  // A text with our mark and our entry is unchanged by another merge.
  return before === undefined ? text.startsWith(MARK) && merged(text) === text : merged(before) === text;
}
