/**
 * Checks that kubelet, broker and token exchange name one audience, and reports which one is right: OKE's token exchange accepts tokens
 * for the API server's own audience, an identity domain those that its trust names.
 */
import { apiAudiencesOn } from "@ocir-broker/node/api-audiences";
import type { TokenAttributes } from "@ocir-broker/node/credential-provider-files";
import { INSTALLED_PROGRAM } from "@ocir-broker/protocol/contract";
import type { CheckContext } from "../../check-context.ts";
import { type Finding, finding } from "../../finding.ts";
import { quoted } from "../../quoted.ts";

/** @param entries our entries in the kubelet's configuration, at least one. */
export function audienceFinding(entries: readonly TokenAttributes[], context: CheckContext): Finding | undefined {
  const { tokenExchange, audience: brokers } = context.config.serviceAccounts;
  const apiServers = tokenExchange === "oke" ? apiAudiencesOn(context.files) : [];
  const accepted = apiServers.length > 0 ? apiServers : brokers === undefined ? [] : [brokers];
  const [right] = accepted;
  const wrong = entries.find(({ audience }) => !accepted.includes(audience));
  const isBrokerWrong = brokers !== undefined && !accepted.includes(brokers);
  if (right === undefined || (wrong === undefined && !isBrokerWrong)) return undefined;
  const seen = [
    `the kubelet's is ${(wrong ?? entries[0])?.audience}`,
    `the broker's ${brokers ?? "any"}`,
    ...(apiServers.length > 0 ? [`the API server's ${apiServers.join(" and ")}`] : []),
  ].join(", ");
  return finding(
    "service-account-audience",
    seen,
    `the right audience is ${right}: ${fixFor(right, entries, context)}`,
  );
}

/** The command changes broker and kubelet in one step, but writes no annotation and no settings of an identity domain. */
function fixFor(right: string, entries: readonly TokenAttributes[], { config, files }: CheckContext): string {
  const isWritten =
    config.serviceAccounts.tokenExchange === "oke" && entries.every((each) => each.annotationKeys.length === 0);
  return isWritten && files.isExecutable(INSTALLED_PROGRAM)
    ? `ocir-broker node connect --service-accounts ${quoted(right)} && systemctl restart kubelet`
    : "set serviceAccounts.audience and the kubelet's serviceAccountTokenAudience to it, and restart both";
}
