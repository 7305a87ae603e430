/**
 * Serves the same tokens to root's tools on the node by the protocol of docker credential helpers: from a server URL to a
 * user name and a secret. There is no repository, so nothing is probed or healed; and no anonymous entry, since these clients
 * accept only one pair of credentials.
 *
 * Never throws: a failure is a response, as for the kubelet.
 */
import type { RefreshAheadCache } from "@ocir-broker/expiring-cache/refresh-ahead-cache";
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
  readonly tokens: Pick<RefreshAheadCache<Secret>, "get">;
}

export function createDockerCredentials(options: DockerCredentialsOptions): AnswerCredentials {
  const { clock, deadlineMs, registries, tokens } = options;

  async function answer(serverUrl: string, registryHost: string): Promise<CredentialsResponse> {
    const deadlineAtMs = clock.monotonicMs() + deadlineMs;
    const leftMs = (): number => Math.max(0, deadlineAtMs - clock.monotonicMs());
    const image = { registryHost };

    if (!(await registries.isAllowed(registryHost, leftMs()))) {
      return { ...textResponse(404, `${CREDENTIALS_NOT_FOUND}\n`), outcome: "foreign", image };
    }
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
