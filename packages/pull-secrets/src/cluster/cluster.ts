/** The controller's writes to the API server: the Secret, the status, Events, and requests for service-account tokens. */

import type { PullSecretErrorCode } from "@ocir-broker/errors/pull-secret-errors";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { Secret } from "@ocir-broker/foundation/secret";
import { ApiError, statusOf } from "@ocir-broker/kubernetes/api-error";
import type { ApiServer } from "@ocir-broker/kubernetes/api-server";
import { type EventFields, newEvent } from "@ocir-broker/kubernetes/event";
import * as z from "zod";
import { API_VERSION, KIND, MANAGER, PLURAL, type PullSecret, type PullSecretStatus } from "../objects/pull-secret.ts";
import { type SecretContent, secretManifest } from "../objects/secret-content.ts";
import { PullSecretError } from "./pull-secret-error.ts";

export const NAMESPACES_PATH = "/api/v1/namespaces";
export const SECRETS_PATH = "/api/v1/secrets";
export const RESOURCES_PATH = `/apis/${API_VERSION}/${PLURAL}`;

/** The shortest life that the API server grants. */
const TOKEN_SECONDS = 600;
const tokenRequest = z.object({ status: z.object({ token: z.string() }) });

const status = z.object({
  details: z
    .object({ kind: z.string().optional(), causes: z.array(z.object({ reason: z.string().optional() })).optional() })
    .optional(),
});

export type Cluster = ReturnType<typeof createPullSecretCluster>;

export interface ClusterOptions {
  readonly api: ApiServer;
  /** The audience of service-account tokens; undefined for the API server's own. */
  readonly audience: string | undefined;
  readonly pod: string;
  wallMs(): number;
  /** Aborts one request at its time limit. */
  deadline(): AbortSignal;
}

/** @throws {PullSecretError} for every failure */
export function createPullSecretCluster({ api, audience, pod, wallMs, deadline }: ClusterOptions) {
  const limited = (signal: AbortSignal) => AbortSignal.any([signal, deadline()]);

  return {
    async requestToken(namespace: string, serviceAccount: string, signal: AbortSignal): Promise<Secret> {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
      const spec = { expirationSeconds: TOKEN_SECONDS, audiences: audience === undefined ? [] : [audience] };
      const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
      const response = await api
        .send({ method: "POST", path, body, signal: limited(signal) })
        .catch((error: unknown) => {
          // Only this 404 empties the Secret: a starting API server may also return one for the namespace or the path.
          const isMissing = statusIn(error)?.details?.kind === "serviceaccounts";
          const missing = isMissing ? ({ 404: "service-account-missing" } as const) : {};
          throw errorOf(error, serviceAccount, { 403: "token-request-refused", ...missing });
        });
      return new Secret(tokenRequest.parse(response).status.token);
    },
    /** Uses server-side apply without force. @returns the Secret. */
    async applySecret(resource: PullSecret, content: SecretContent, signal: AbortSignal): Promise<unknown> {
      const { namespace, name } = resource;
      const path = `/api/v1/namespaces/${namespace}/secrets/${name}?fieldManager=${MANAGER}`;
      const body = secretManifest(resource, content);
      if (body === undefined) throw new PullSecretError("secret-too-large", name);
      try {
        return await api.send({ method: "PATCH", path, patch: "apply", body, signal: limited(signal) });
      } catch (error) {
        // Any other 409 comes from two writers at the same moment. A webhook refuses with 400, a ValidatingAdmissionPolicy with 422,
        // unless they name another status. So does the API server, for another type and an immutable Secret, which the watch shows.
        const isConflict = statusIn(error)?.details?.causes?.some(({ reason }) => reason === "FieldManagerConflict");
        const conflict = isConflict ? ({ 409: "secret-conflict" } as const) : {};
        throw errorOf(error, name, {
          400: "secret-refused",
          403: "secret-refused",
          422: "secret-refused",
          ...conflict,
        });
      }
    },
    /** Uses server-side apply, because conditions of other types may have other managers. @returns the resource. */
    async reportStatus(resource: PullSecret, reported: PullSecretStatus, signal: AbortSignal): Promise<unknown> {
      const { namespace, name } = resource;
      const path = `/apis/${API_VERSION}/namespaces/${namespace}/${PLURAL}/${name}/status?fieldManager=${MANAGER}`;
      const body = { apiVersion: API_VERSION, kind: KIND, metadata: { namespace, name }, status: reported };
      try {
        return await api.send({ method: "PATCH", path, patch: "apply", body, signal: limited(signal) });
      } catch (error) {
        throw errorOf(error, name, {});
      }
    },
    async reportEvent(
      { namespace, name, uid }: PullSecret,
      event: Pick<EventFields, "type" | "reason" | "message">,
      signal: AbortSignal,
    ): Promise<void> {
      const object = { apiVersion: API_VERSION, kind: KIND, namespace, name, uid };
      const body = newEvent({ namespace, object, ...event, pod, wallMs: wallMs() });
      const path = `/api/v1/namespaces/${namespace}/events`;
      await api.send({ method: "POST", path, body, signal: limited(signal) });
    },
  };
}

/** The Status in the API server's refusal, if its body is one. */
function statusIn(error: unknown): z.infer<typeof status> | undefined {
  return error instanceof ApiError ? status.safeParse(parseJson(error.body)).data : undefined;
}

function errorOf(error: unknown, place: string, codes: Readonly<Record<number, PullSecretErrorCode>>): PullSecretError {
  const status = statusOf(error);
  const retryAfterMs = error instanceof Error && "retryAfterMs" in error ? Number(error.retryAfterMs) : undefined;
  const code = (status === undefined ? undefined : codes[status]) ?? "api-server-failed";
  return new PullSecretError(code, place, { status, retryAfterMs: retryAfterMs || undefined, cause: error });
}
