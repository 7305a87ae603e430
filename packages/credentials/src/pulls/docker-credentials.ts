/**
 * Serves the same tokens to root's tools on the node by the protocol of docker credential helpers: from a server URL to a
 * user name and a secret. There is no repository, so nothing is probed or healed; and no anonymous entry, since these clients
 * accept only one pair of credentials.
 *
 * Refuses while service accounts are on: CRI-O takes our anonymous entry for no login, and asks the helper that root's files name,
 * so a pod whose account has no rights would pull with the node's identity (docs/decisions/0034-restarts-in-an-outage.md).
 */

import type { Config } from "@ocir-broker/config/schema";
import { BrokerError } from "@ocir-broker/errors/broker-error";
import type { ExpiringCache } from "@ocir-broker/expiring-cache/expiring-cache";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { withoutDefaultPort } from "@ocir-broker/ocir/host-rules";
import { decodeDockerCredentialRequest, encodeDockerCredentialResponse } from "@ocir-broker/protocol/docker-credential";
import { bearerCredentials } from "@ocir-broker/protocol/response";
import type { Registries } from "../tokens/registries.ts";
import type { Decide, Decision } from "./decision.ts";

export interface DockerCredentialsOptions {
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly registries: Registries;
  readonly tokens: Pick<ExpiringCache<Secret>, "get">;
  readonly settings: Pick<Config["serviceAccounts"], "tokenExchange" | "rootHelper">;
  /** Whether a pull had no token for its service account: then the kubelet sends tokens, whatever `tokenExchange` says. */
  readonly hasFailedClosed: () => boolean;
}

export function createDockerCredentials(options: DockerCredentialsOptions): Decide {
  const { clock, deadlineMs, registries, tokens, settings, hasFailedClosed } = options;

  const isRefused = () => settings.rootHelper === "refuse" && (settings.tokenExchange !== "none" || hasFailedClosed());

  async function decide(serverUrl: string, registryHost: string): Promise<Decision> {
    const image = { registryHost };
    const deadlineAtMs = clock.monotonicMs() + deadlineMs;
    const leftMs = (): number => Math.max(0, deadlineAtMs - clock.monotonicMs());

    if (!(await registries.isAllowed(registryHost, leftMs()))) return { outcome: "foreign", image };
    if (isRefused()) {
      const error = new BrokerError("root-helper-refused", "serviceAccounts.rootHelper is refuse");
      return { outcome: "refused", error, image };
    }
    const { entry, outcome } = await tokens.get(registryHost, { waitMs: leftMs() });
    const body = encodeDockerCredentialResponse(serverUrl, bearerCredentials(entry.value.reveal()));
    return { outcome, body, identity: "node", image };
  }

  return async (request) => {
    let image: Decision["image"];
    try {
      const { serverUrl, registryHost: spelled } = decodeDockerCredentialRequest(request);
      const registryHost = withoutDefaultPort(spelled);
      image = { registryHost };
      return await decide(serverUrl, registryHost);
    } catch (error) {
      return { outcome: "error", error, image };
    }
  };
}
