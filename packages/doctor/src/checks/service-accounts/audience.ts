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
export async function audienceFinding(
  entries: readonly TokenAttributes[],
  context: CheckContext,
): Promise<Finding | undefined> {
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
  const fix =
    connectCommand(right, entries, context) ??
    [
      ...(isBrokerWrong ? [`set serviceAccounts.audience: ${right} and systemctl restart ocir-broker.service`] : []),
      ...(wrong === undefined ? [] : [await kubeletStep(right, wrong, context)]),
    ].join("; ");
  return finding("service-account-audience", seen, `the right audience is ${right}: ${fix}`);
}

/** Changes broker and kubelet in one step, if this node has the installer and no setting that it does not write. */
function connectCommand(
  right: string,
  entries: readonly TokenAttributes[],
  { config, files }: CheckContext,
): string | undefined {
  const isWritten =
    config.serviceAccounts.tokenExchange === "oke" && entries.every((each) => each.annotationKeys.length === 0);
  if (!isWritten || !files.isExecutable(INSTALLED_PROGRAM)) return undefined;
  return `ocir-broker node connect --service-accounts ${quoted(right)} && systemctl restart kubelet`;
}

async function kubeletStep(right: string, { annotationKeys }: TokenAttributes, context: CheckContext): Promise<string> {
  const path = (await context.credentialProviderFiles())?.path ?? "FILE";
  const [annotation] = annotationKeys;
  const words = [
    "ocir-broker kubelet-config merge --write",
    `--service-accounts ${quoted(right)}`,
    ...(annotation === undefined ? [] : [`--annotation ${quoted(annotation)}`]),
    quoted(path),
  ];
  return `${words.join(" ")} && systemctl restart kubelet`;
}
