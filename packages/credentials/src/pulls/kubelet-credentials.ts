/**
 * One pull: from the kubelet's request to the response that it reads, both as bytes.
 *
 * Reads as decode → host → rules → token → access → response; the packages below make each decision.
 * Never throws: a failure is a response with a stable code and what to do next. A failure for a service account is answered with
 * the anonymous entry, because an error would stop a container whose image is on the node (docs/images-on-the-node.md).
 */
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { Outcome } from "@ocir-broker/expiring-cache/cache-report";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { type HttpResponse, JSON_TYPE } from "@ocir-broker/http-server/http-response";
import { isProbeable } from "@ocir-broker/ocir/access-probe";
import { type ImageName, parseImage } from "@ocir-broker/ocir/image";
import { anonymousAuth, bearerAuth } from "@ocir-broker/protocol/auth";
import { type CredentialProviderRequest, decodeCredentialProviderRequest } from "@ocir-broker/protocol/request";
import { encodeCredentialProviderResponse } from "@ocir-broker/protocol/response";
import type { RepositoryAccess } from "../access/repository-access.ts";
import { accountName } from "../service-accounts/account-name.ts";
import type { PullToken, PullTokens } from "../service-accounts/pull-tokens.ts";
import type { Registries } from "../tokens/registries.ts";
import { errorResponseOf } from "./error-response.ts";

export const REQUEST_OUTCOMES = [
  "hit",
  "stale",
  "miss",
  "coalesced",
  "denied",
  "foreign",
  "refused",
  "anonymous",
  "error",
] as const;

/**
 * How a request for credentials ended. "foreign" is an image of a registry that is not Oracle's; "refused" is root's
 * credential helper; "anonymous" is a failure for a service account, which gets the anonymous entry instead of an error.
 */
type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

export interface CredentialsResponse extends HttpResponse {
  readonly outcome: RequestOutcome;
  /** The requested image, if it could be parsed; clients other than the kubelet only name a registry host. */
  readonly image?: (Pick<ImageName, "registryHost"> & Partial<ImageName>) | undefined;
  /** Whose token the response has; undefined without one. */
  readonly identity?: PullToken["identity"];
  /** The service account of the request: its namespace and its name, which nothing has verified. */
  readonly account?: string | undefined;
  /** Why a service account got the node's token, or none. */
  readonly failure?: unknown;
  /** The error, if the outcome is "error" or "refused". */
  readonly error?: unknown;
}

export type AnswerCredentials = (body: Buffer) => Promise<CredentialsResponse>;

export interface KubeletCredentialsOptions {
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly registries: Registries;
  readonly pullTokens: PullTokens;
  readonly access: Pick<RepositoryAccess, "ask" | "heal">;
}

/** How long a request for a denied repository waits for a better token before it is answered with the current one. */
const HEAL_WAIT_MS = 5_000;

export function createKubeletCredentials(options: KubeletCredentialsOptions): AnswerCredentials {
  const { clock, deadlineMs, registries, pullTokens, access } = options;

  async function answer(request: CredentialProviderRequest, image: ImageName): Promise<CredentialsResponse> {
    const deadlineAtMs = clock.monotonicMs() + deadlineMs;
    const leftMs = (): number => Math.max(0, deadlineAtMs - clock.monotonicMs());

    if (!(await registries.isAllowed(image.registryHost, leftMs()))) {
      // No credentials, so the kubelet continues with its other sources.
      return responseOf(request, {}, { outcome: "foreign", image });
    }

    const tokenFor = ({ entry, identity, failure, ...found }: PullToken, outcome: Outcome | "denied" = found.outcome) =>
      responseOf(request, bearerAuth(image.spelledHost, entry.value.reveal()), { outcome, image, identity, failure });
    const find = () => pullTokens.get(image.registryHost, request.serviceAccount, { deadlineAtMs });
    const found = await find();
    // Probes and refreshes are for the node's token only.
    if (found.identity !== "node" || !isProbeable(image.repository)) return tokenFor(found);
    if (access.ask(image.registryHost, image.repository) !== "denied") return tokenFor(found);

    const now = await access.heal(image.registryHost, image.repository, Math.min(HEAL_WAIT_MS, leftMs()));
    // The token may have been refreshed, or have expired, in the meantime.
    return tokenFor(await find(), now === "denied" ? "denied" : found.outcome);
  }

  return async (body) => {
    let request: CredentialProviderRequest | undefined;
    let image: ImageName | undefined;
    try {
      request = decodeCredentialProviderRequest(body);
      image = parseImage(request.image);
      return { ...(await answer(request, image)), account: accountName(request.serviceAccount) };
    } catch (error) {
      const hasKey = codeOf(error) !== "registry-host-invalid";
      if (request?.serviceAccount === undefined || image === undefined || !hasKey)
        return { ...errorResponseOf(error), outcome: "error", image, error };
      const account = accountName(request.serviceAccount);
      const facts = { outcome: "anonymous", image, account, failure: error } as const;
      return responseOf(request, anonymousAuth(image.spelledHost), facts);
    }
  };
}

function responseOf(
  { apiVersion }: CredentialProviderRequest,
  auth: Parameters<typeof encodeCredentialProviderResponse>[1],
  facts: Omit<CredentialsResponse, keyof HttpResponse>,
): CredentialsResponse {
  return { status: 200, contentType: JSON_TYPE, body: encodeCredentialProviderResponse(apiVersion, auth), ...facts };
}
