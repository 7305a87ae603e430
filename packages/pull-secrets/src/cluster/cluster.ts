/** The controller's writes to the API server: the Secret, the status, Events, and requests for service-account tokens. */

import { FetchError, type FetchErrorOptions } from "@ocir-broker/foundation/fetch-error";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { ApiError } from "@ocir-broker/kubernetes/api-error";
import type { ApiRequest, ApiServer } from "@ocir-broker/kubernetes/api-server";
import { type EventFields, newEvent } from "@ocir-broker/kubernetes/event";
import * as z from "zod";
import { PULL_SECRET_ERRORS, type PullSecretErrorCode } from "../error-codes.ts";
import { API_VERSION, KIND, MANAGER, PLURAL, type PullSecret, type PullSecretStatus } from "../objects/pull-secret.ts";
import { type SecretContent, secretManifest } from "../objects/secret-content.ts";

export const NAMESPACES_PATH = "/api/v1/namespaces";
export const SECRETS_PATH = "/api/v1/secrets";
export const RESOURCES_PATH = `/apis/${API_VERSION}/${PLURAL}`;

/** The shortest life that the API server grants. */
const TOKEN_SECONDS = 600;
const tokenRequest = z.object({ status: z.object({ token: z.string() }) });

/** In the Status that the API server refuses a request with. */
const refusal = z.object({
  details: z.object({
    kind: z.string().optional(),
    causes: z.array(z.object({ reason: z.string().optional() })).optional(),
  }),
});
type Details = z.infer<typeof refusal>["details"];

/** A failed request on behalf of a resource, caused by the API server's error. */
export class PullSecretError extends FetchError<PullSecretErrorCode> {
  override readonly name = "PullSecretError";

  /** @param place the name of a service account, a resource or a Secret. */
  constructor(code: PullSecretErrorCode, place: string, options?: FetchErrorOptions) {
    super(code, PULL_SECRET_ERRORS[code], place, options);
  }
}

export type Cluster = ReturnType<typeof createPullSecretCluster>;

interface ClusterOptions {
  readonly api: Pick<ApiServer, "send">;
  /** The audience of service-account tokens; undefined for the API server's own. */
  readonly audience: string | undefined;
  readonly pod: string;
  readonly clock: Pick<Clock, "wallMs">;
  /** Aborts one request at its time limit. */
  deadline(): AbortSignal;
}

/** @throws {PullSecretError} for every failure */
export function createPullSecretCluster({ api, audience, pod, clock, deadline }: ClusterOptions) {
  /** @param codeFor the code of a refusal; undefined: `api-server-failed`. */
  async function send(
    request: Omit<ApiRequest, "signal">,
    place: string,
    signal: AbortSignal,
    codeFor: (status: number, details: Details) => PullSecretErrorCode | undefined = () => undefined,
  ): Promise<unknown> {
    try {
      return await api.send({ ...request, signal: AbortSignal.any([signal, deadline()]) });
    } catch (cause) {
      if (!(cause instanceof ApiError)) throw new PullSecretError("api-server-failed", place, { cause });
      const { status, retryAfterMs, body } = cause;
      const code = codeFor(status, refusal.safeParse(parseJson(body)).data?.details ?? {});
      throw new PullSecretError(code ?? "api-server-failed", place, { status, retryAfterMs, cause });
    }
  }

  return {
    async requestToken(namespace: string, serviceAccount: string, signal: AbortSignal): Promise<Secret> {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
      const spec = { expirationSeconds: TOKEN_SECONDS, audiences: audience === undefined ? [] : [audience] };
      const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
      const response = await send({ method: "POST", path, body }, serviceAccount, signal, tokenErrorCode);
      return new Secret(tokenRequest.parse(response).status.token);
    },
    /** Uses server-side apply without force. @returns the Secret. */
    async applySecret(resource: PullSecret, content: SecretContent, signal: AbortSignal): Promise<unknown> {
      const { namespace, name } = resource;
      const path = `/api/v1/namespaces/${namespace}/secrets/${name}?fieldManager=${MANAGER}`;
      const body = secretManifest(resource, content);
      if (body === undefined) throw new PullSecretError("secret-too-large", name);
      return send({ method: "PATCH", path, patch: "apply", body }, name, signal, applyErrorCode);
    },
    /** Leaves conditions of other types to their managers, and takes ours, which a backup may have restored. @returns the resource. */
    reportStatus({ namespace, name }: PullSecret, status: PullSecretStatus, signal: AbortSignal): Promise<unknown> {
      const path = `/apis/${API_VERSION}/namespaces/${namespace}/${PLURAL}/${name}/status?fieldManager=${MANAGER}&force=true`;
      const body = { apiVersion: API_VERSION, kind: KIND, metadata: { namespace, name }, status };
      return send({ method: "PATCH", path, patch: "apply", body }, name, signal);
    },
    async reportEvent(
      { namespace, name, uid }: PullSecret,
      event: Pick<EventFields, "type" | "reason" | "message">,
      signal: AbortSignal,
    ): Promise<void> {
      const object = { apiVersion: API_VERSION, kind: KIND, namespace, name, uid };
      const body = newEvent({ namespace, object, ...event, pod, wallMs: clock.wallMs() });
      await send({ method: "POST", path: `/api/v1/namespaces/${namespace}/events`, body }, name, signal);
    },
  };
}

function tokenErrorCode(status: number, { kind }: Details): PullSecretErrorCode | undefined {
  if (status === 403) return "token-request-refused";
  // Only this 404 empties the Secret: a starting API server may also return one for the namespace or the path.
  return status === 404 && kind === "serviceaccounts" ? "service-account-missing" : undefined;
}

function applyErrorCode(status: number, { causes = [] }: Details): PullSecretErrorCode | undefined {
  // A webhook refuses with 400, a ValidatingAdmissionPolicy with 422, unless they name another status. So does the API server, for
  // another type and an immutable Secret, which the watch shows.
  if ([400, 403, 422].includes(status)) return "secret-refused";
  // Any other 409 comes from two writers at the same moment.
  const isManaged = causes.some(({ reason }) => reason === "FieldManagerConflict");
  return status === 409 && isManaged ? "secret-conflict" : undefined;
}
