/** Seeded faults of pulls by service account. */
import { join } from "node:path";
import { type BrokenNode, OUR_PROVIDER, withConfig } from "./broken-node.ts";
import type { SeededFault } from "./seeded-fault.ts";

const AUDIENCE = "https://kubernetes.default.svc";

/** A node whose kubelet sends tokens, and whose broker exchanges them. */
export function useServiceAccounts(node: BrokenNode, settings: object = {}, minor = 34) {
  const name = "credential-provider-oke-sa";
  node.write("/usr/bin/kubelet", `#!/bin/sh\necho Kubernetes v1.${minor}.1\n`, 0o755);
  node.write(`/usr/local/bin/${name}`, "#!/bin/sh\n", 0o755);
  node.providers(`${OUR_PROVIDER.replace("credential-provider-oke", name)}
    tokenAttributes: {serviceAccountTokenAudience: "${AUDIENCE}", cacheType: ServiceAccount, requireServiceAccount: true}`);
  node.write("/ca.crt", node.simulator.clusterCaCertificate);
  const { origin } = node.simulator.clusterUrl;
  const caFile = join(node.root, "ca.crt");
  const cluster = { exchange: "oke", audience: AUDIENCE, apiServer: origin, endpoint: origin, caFile };
  return withConfig(node, { serviceAccounts: { ...cluster, ...settings } });
}

export const SERVICE_ACCOUNT_FAULTS: readonly SeededFault[] = [
  ["service-accounts-off", "the broker has no exchange", (node) => useServiceAccounts(node, { exchange: "none" })],
  [
    "service-accounts-unused",
    "the kubelet sends no tokens",
    (node) => {
      const options = useServiceAccounts(node);
      node.providers(OUR_PROVIDER);
      return options;
    },
  ],
  [
    "kubelet-too-old",
    "the kubelet is older than service-account tokens",
    (node) => {
      const options = useServiceAccounts(node, {}, 32);
      node.providers(OUR_PROVIDER);
      return options;
    },
  ],
  [
    "service-account-audience",
    "kubelet and broker name other audiences",
    (node) => useServiceAccounts(node, { audience: "ocir" }),
  ],
  [
    "cluster-unknown",
    "the cluster's authority cannot be read",
    (node) => useServiceAccounts(node, { caFile: "/no/such/ca.crt" }),
  ],
  [
    "cluster-untrusted",
    "the authority is another one's",
    (node) => {
      node.write("/other.crt", node.simulator.tokenRootCertificate);
      return useServiceAccounts(node, { caFile: join(node.root, "other.crt") });
    },
  ],
  [
    "cluster-unreachable",
    "port 12250 is closed",
    (node) => useServiceAccounts(node, { endpoint: "https://127.0.0.1:1" }),
  ],
];
