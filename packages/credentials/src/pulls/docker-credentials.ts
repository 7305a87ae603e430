/**
 * Serves the same tokens to root's tools on the node by the protocol of docker credential helpers: from a server URL to a
 * user name and a secret. There is no repository, so nothing is probed or healed; and no anonymous entry, since these clients
 * accept only one pair of credentials.
 *
 * Refuses while service accounts are on: CRI-O takes our anonymous entry for no login, and asks the helper that root's files name,
 * so a pod whose account has no rights would pull with the node's identity (docs/decisions/0034-restarts-in-an-outage.md).
 *
 * Never throws: a failure is a response, as for the kubelet.
 */

import type { Config } from "@ocir-broker/config/schema";
import { BrokerError } from "@ocir-broker/errors/broker-error";
import type { ExpiringCache } from "@ocir-broker/expiring-cache/expiring-cache";
import type { Secret } from "@ocir-broker/foundation/secret";
import { JSON_TYPE, textResponse } from "@ocir-broker/http-server/http-response";
import { withoutDefaultPort } from "@ocir-broker/ocir/host-rules";
import { bearerCredentials } from "@ocir-broker/protocol/auth";
import {
  CREDENTIALS_NOT_FOUND,
  decodeDockerCredentialRequest,
  encodeDockerCredentialResponse,
} from "@ocir-broker/protocol/docker-credential";
import { errorResponseOf } from "./error-response.ts";
import type { AnswerCredentials, CredentialsResponse, KubeletCredentialsOptions } from "./kubelet-credentials.ts";

export interface DockerCredentialsOptions extends Omit<KubeletCredentialsOptions, "access" | "pullTokens"> {
  readonly tokens: Pick<ExpiringCache<Secret>, "get">;
  readonly settings: Pick<Config["serviceAccounts"], "tokenExchange" | "rootHelper">;
  /** Whether a pull had no token for its service account: then the kubelet sends tokens, whatever `tokenExchange` says. */
  readonly hasFailedClosed?: () => boolean;
}

export function createDockerCredentials(options: DockerCredentialsOptions): AnswerCredentials {
  const { clock, deadlineMs, registries, tokens, settings, hasFailedClosed = () => false } = options;

  const isRefused = () => settings.rootHelper === "refuse" && (settings.tokenExchange !== "none" || hasFailedClosed());

  async function answer(serverUrl: string, registryHost: string): Promise<CredentialsResponse> {
    const deadlineAtMs = clock.monotonicMs() + deadlineMs;
    const leftMs = (): number => Math.max(0, deadlineAtMs - clock.monotonicMs());
    const image = { registryHost };

    if (!(await registries.isAllowed(registryHost, leftMs()))) {
      return { ...textResponse(404, `${CREDENTIALS_NOT_FOUND}\n`), outcome: "foreign", image };
    }
    if (isRefused()) return refusal(image);
    const { entry, outcome } = await tokens.get(registryHost, { waitMs: leftMs() });
    const body = encodeDockerCredentialResponse(serverUrl, bearerCredentials(entry.value.reveal()));
    return { status: 200, contentType: JSON_TYPE, body, outcome, image };
  }

  return async (body) => {
    let image: CredentialsResponse["image"];
    try {
      const { serverUrl, registryHost: spelled } = decodeDockerCredentialRequest(body);
      const registryHost = withoutDefaultPort(spelled);
      image = { registryHost };
      return await answer(serverUrl, registryHost);
    } catch (error) {
      return { ...errorResponseOf(error), outcome: "error", image, error };
    }
  };
}

/**
 * The client reads only the first line, and continues without credentials, so that CRI-O still pulls public images. The second is for
 * people: the helper writes it to stderr.
 */
function refusal(image: CredentialsResponse["image"]): CredentialsResponse {
  const error = new BrokerError("root-helper-refused", "serviceAccounts.rootHelper is refuse");
  const response = errorResponseOf(error);
  const body = Buffer.concat([Buffer.from(`${CREDENTIALS_NOT_FOUND}\n`), response.body]);
  return { ...response, body, outcome: "refused", image, error };
}
