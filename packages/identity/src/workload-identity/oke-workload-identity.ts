/**
 * A pod's own service account, by OKE Workload Identity: for a program in a pod, such as a build with the docker credential helper.
 * Enhanced clusters only. The kubelet rewrites the token's file, so it is read again at each exchange, and no session outlives its
 * token. It has no section in the configuration, because the platform sets everything.
 *
 * Source: oci-go-sdk, common/auth/resource_principal_key_provider.go, OkeWorkloadIdentityConfigurationProvider.
 */
import { isIPv6 } from "node:net";
import { createUpstreamDispatcher } from "@ocir-broker/foundation/dispatcher";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createSendRequest, type SendRequest } from "@ocir-broker/foundation/upstream";
import type { IdentityProvider, IdentityProviderContext } from "../identity-provider.ts";
import { readMountedFile } from "../oci-profile/private-file.ts";
import { regionNamed } from "../oci-profile/profile-region.ts";
import { createOkeTokenExchange } from "../oke-token-exchange/oke-token-exchange.ts";
import { parseServiceAccountToken, readServiceAccountClaims } from "../token-exchange/service-account-token.ts";
import { variableIn } from "./variable.ts";

/** The kubelet mounts it into each pod whose account has not opted out. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

const HOST = "KUBERNETES_SERVICE_HOST";
const CERTIFICATE = "OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH";
const REGION = "OCI_RESOURCE_PRINCIPAL_REGION";

const PORT = 12_250;

const CONNECT_MS = 3_000;
const TOTAL_MS = 8_000;

export function createOkeWorkloadIdentity(
  _settings: object,
  { clock, environment }: IdentityProviderContext,
  { folder = SERVICE_ACCOUNT, connect = connectToCluster } = {},
): IdentityProvider {
  function readAuthority(): string {
    const path = environment[CERTIFICATE];
    return path ? readMountedFile(path, CERTIFICATE) : readMountedFile(`${folder}/ca.crt`, `${folder}/ca.crt`);
  }

  function endpoint(): URL {
    const host = variableIn(environment, HOST, "pod-missing");
    return new URL(`https://${isIPv6(host) ? `[${host}]` : host}:${PORT}`);
  }

  return {
    region: async () => regionNamed(variableIn(environment, REGION, "identity-variable-missing"), REGION),
    async session(signal) {
      const token = parseServiceAccountToken(readMountedFile(`${folder}/token`, `${folder}/token`));
      const { send, close } = connect(readAuthority(), clock);
      try {
        const session = await createOkeTokenExchange({ clock, send, endpoint }).exchange(token, signal);
        const tokenLeftMs = readServiceAccountClaims(token).expiresAtWallMs - clock.wallMs();
        return { ...session, expiresAtMs: Math.min(session.expiresAtMs, clock.monotonicMs() + tokenLeftMs) };
      } finally {
        await close();
      }
    },
  };
}

/** Trusts this authority alone, and uses no proxy. */
function connectToCluster(authority: string, clock: Clock): { send: SendRequest; close: () => Promise<void> } {
  const dispatcher = createUpstreamDispatcher({
    caCertificates: [authority],
    connectMs: CONNECT_MS,
    headersMs: TOTAL_MS,
    bodyMs: TOTAL_MS,
    maxConnectionsPerOrigin: 1,
  });
  return { send: createSendRequest({ dispatcher, clock, totalMs: TOTAL_MS }), close: () => dispatcher.destroy() };
}
