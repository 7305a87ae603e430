/**
 * One pull: from the kubelet's request to what it is given, both as bytes.
 *
 * Reads as decode → host → rules → token → access → response; the packages below make each decision.
 * A failure for a service account is decided with the anonymous entry, because an error would stop a container whose image is on the
 * node (docs/images-on-the-node.md).
 */
import type { Outcome } from "@ocir-broker/expiring-cache/cache-report";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { type ImageName, parseImage } from "@ocir-broker/ocir/image";
import { type CredentialProviderRequest, decodeCredentialProviderRequest } from "@ocir-broker/protocol/request";
import { anonymousAuth, bearerAuth, encodeCredentialProviderResponse } from "@ocir-broker/protocol/response";
import type { RepositoryAccess } from "../access/repository-access.ts";
import { accountName } from "../service-accounts/account-name.ts";
import type { PullToken, PullTokens } from "../service-accounts/pull-tokens.ts";
import type { Registries } from "../tokens/registries.ts";
import type { Decide, Decision } from "./decision.ts";

export interface KubeletCredentialsOptions {
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly registries: Registries;
  readonly pullTokens: PullTokens;
  readonly access: Pick<RepositoryAccess, "ask" | "heal">;
}

/** How long a request for a denied repository waits for a better token before it is answered with the current one. */
const HEAL_WAIT_MS = 5_000;

export function createKubeletCredentials(options: KubeletCredentialsOptions): Decide {
  const { clock, deadlineMs, registries, pullTokens, access } = options;

  async function decide(request: CredentialProviderRequest, image: ImageName): Promise<Decision> {
    const { apiVersion, serviceAccount } = request;
    const { registryHost, repository, spelledHost } = image;
    const account = accountName(serviceAccount);
    const deadlineAtMs = clock.monotonicMs() + deadlineMs;
    const leftMs = (): number => Math.max(0, deadlineAtMs - clock.monotonicMs());

    if (!(await registries.isAllowed(registryHost, leftMs()))) {
      // No credentials, so the kubelet continues with its other sources.
      return { outcome: "foreign", body: encodeCredentialProviderResponse(apiVersion, {}), image, account };
    }

    function withToken({ entry, identity, failure }: PullToken, outcome: Outcome | "denied"): Decision {
      const auth = bearerAuth(spelledHost, entry.value.reveal());
      const body = encodeCredentialProviderResponse(apiVersion, auth);
      return { outcome, body, identity, error: failure, image, account };
    }
    const find = () => pullTokens.get(registryHost, serviceAccount, { deadlineAtMs });
    const found = await find();
    // Probes and refreshes are for the node's token only.
    const isDenied = found.identity === "node" && access.ask(registryHost, repository) === "denied";
    if (!isDenied) return withToken(found, found.outcome);

    const now = await access.heal(registryHost, repository, Math.min(HEAL_WAIT_MS, leftMs()));
    // The token may have been refreshed, or have expired, in the meantime.
    return withToken(await find(), now === "denied" ? "denied" : found.outcome);
  }

  return async (body) => {
    let request: CredentialProviderRequest | undefined;
    let image: ImageName | undefined;
    try {
      request = decodeCredentialProviderRequest(body);
      image = parseImage(request.image);
      return await decide(request, image);
    } catch (error) {
      // An address in brackets can be no key of a response.
      if (request?.serviceAccount === undefined || image === undefined || image.spelledHost.startsWith("["))
        return { outcome: "error", error, image };
      return {
        outcome: "anonymous",
        body: encodeCredentialProviderResponse(request.apiVersion, anonymousAuth(image.spelledHost)),
        error,
        image,
        account: accountName(request.serviceAccount),
      };
    }
  };
}
