/** Seeded faults of pulls by service account. */
import { join } from "node:path";
import { Secret } from "@ocir-broker/foundation/secret";
import { SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { jwtOf, podClaims } from "@ocir-broker/testkit/jwt";
import type { DoctorOptions } from "../src/doctor-options.ts";
import { type BrokenNode, credentials, OUR_PROVIDER, responseScript, withConfig } from "./broken-node.ts";
import type { Break, SeededFault } from "./seeded-fault.ts";
import { HELPER, onCriO } from "./seeded-node-faults.ts";

export const AUDIENCE = "https://kubernetes.default.svc";

const tokensFor = (audience: string, annotationKeys = ""): string =>
  `\n    tokenAttributes: {serviceAccountTokenAudience: "${audience}", cacheType: ServiceAccount, requireServiceAccount: true${annotationKeys}}`;

/** Our entry for service accounts. */
export const SERVICE_ACCOUNT_PROVIDER = passingOn("");

export const OPT_IN = ", optionalServiceAccountAnnotationKeys: [ocir-broker/identity]";

/** The same entry with more fields in its tokenAttributes. */
export function passingOn(annotationKeys: string): string {
  return `${OUR_PROVIDER.replace("credential-provider-oke", SERVICE_ACCOUNT_PLUGIN_NAME)}${tokensFor(AUDIENCE, annotationKeys)}`;
}

/** A node whose kubelet sends tokens, and whose broker exchanges them. */
export function useServiceAccounts(
  node: BrokenNode,
  settings: object = {},
  providers: readonly string[] = [SERVICE_ACCOUNT_PROVIDER],
  minor = 34,
) {
  const name = SERVICE_ACCOUNT_PLUGIN_NAME;
  node.write("/usr/bin/kubelet", `#!/bin/sh\necho Kubernetes v1.${minor}.1\n`, 0o755);
  node.write(`/usr/local/bin/${name}`, "#!/bin/sh\n", 0o755);
  node.providers(...providers);
  node.write("/ca.crt", node.simulator.clusterCaCertificate);
  const { origin } = node.simulator.clusterUrl;
  const caFile = join(node.root, "ca.crt");
  const cluster = { tokenExchange: "oke", audience: AUDIENCE, apiServer: origin, endpoint: origin, caFile };
  return withConfig(node, { serviceAccounts: { ...cluster, ...settings } });
}

/** Options with a pod's token, for which the plugin gets the registry token of a service account. It knows no other pull. */
export async function askForServiceAccount(node: BrokenNode): Promise<Partial<DoctorOptions>> {
  const token = jwtOf({ ...podClaims(2_000_000_000_000), iss: AUDIENCE, aud: AUDIENCE });
  const response = responseScript(credentials(await node.token())).replace("cat > /dev/null; ", "");
  node.plugin(
    `grep -q '"serviceAccountToken":"${token}".*"ocir-broker/identity":"service-account"' || exit 1; ${response}`,
  );
  return { ...useServiceAccounts(node), serviceAccountToken: new Secret(token) };
}

const accounts =
  (settings: object, ...providers: string[]): Break =>
  (node) =>
    useServiceAccounts(node, settings, providers.length === 0 ? undefined : providers);

export const SERVICE_ACCOUNT_FAULTS: readonly SeededFault[] = [
  ["service-accounts-off", "the broker has no token exchange", accounts({ tokenExchange: "none" })],
  ["service-accounts-unused", "the kubelet sends no tokens", accounts({}, OUR_PROVIDER)],
  ["kubelet-too-old", "the kubelet is too old for tokens", (node) => useServiceAccounts(node, {}, [OUR_PROVIDER], 32)],
  ["service-account-audience", "kubelet and broker name other audiences", accounts({ audience: "ocir" })],
  [
    "service-account-audience",
    "only one of two entries names the broker's audience",
    accounts({}, SERVICE_ACCOUNT_PROVIDER, `${OUR_PROVIDER}${tokensFor("other")}`),
    ["kubelet-config-service-account-overlap"],
  ],
  ["service-account-annotation", "accounts opt in, but no annotation is passed on", accounts({ select: "annotated" })],
  [
    "service-account-annotation",
    "the kubelet passes another annotation on than the configured one",
    accounts({ select: "annotated", annotation: "team/identity" }, passingOn(OPT_IN)),
  ],
  [
    "root-helper-open",
    "CRI-O can ask root's helper, which gives the node's token",
    (node) => {
      onCriO(node);
      node.write("/root/.docker/config.json", HELPER);
      return useServiceAccounts(node, { rootHelper: "node" });
    },
  ],
];
