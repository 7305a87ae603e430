/** The controller's writes to the API server: the Secret, the status, Events, and requests for service-account tokens. */

import type { PullSecretErrorCode } from "@ocir-broker/errors/pull-secret-errors";
import { Secret } from "@ocir-broker/foundation/secret";
import { statusOf } from "@ocir-broker/kubernetes/api-error";
import type { ApiServer } from "@ocir-broker/kubernetes/api-server";
import { type EventFields, newEvent } from "@ocir-broker/kubernetes/event";
import * as z from "zod";
import { API_VERSION, KIND, MANAGER, PLURAL, type PullSecret, type PullSecretStatus } from "./pull-secret.ts";
import { PullSecretError } from "./pull-secret-error.ts";
import { type SecretContent, secretManifest } from "./secret-content.ts";

export const SECRETS_PATH = "/api/v1/secrets";
export const RESOURCES_PATH = `/apis/${API_VERSION}/${PLURAL}`;

/** The shortest life that the API server grants. */
const TOKEN_SECONDS = 600;
const tokenRequest = z.object({ status: z.object({ token: z.string() }) });

export type Cluster = ReturnType<typeof createCluster>;

export interface ClusterOptions {
  readonly api: ApiServer;
  /** Of the service-account tokens; undefined for the API server's own. */
  readonly audience: string | undefined;
  readonly pod: string;
  wallMs(): number;
  /** Aborts one request when its time is over. */
  deadline(): AbortSignal;
}

/** @throws {PullSecretError} for every failure */
export function createCluster({ api, audience, pod, wallMs, deadline }: ClusterOptions) {
  const limited = (signal: AbortSignal) => AbortSignal.any([signal, deadline()]);

  return {
    async requestToken(namespace: string, serviceAccount: string, signal: AbortSignal): Promise<Secret> {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
      const spec = { expirationSeconds: TOKEN_SECONDS, audiences: audience === undefined ? [] : [audience] };
      const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
      const response = await api
        .send({ method: "POST", path, body, signal: limited(signal) })
        .catch((error: unknown) => {
          throw errorOf(error, serviceAccount, { 403: "token-request-refused", 404: "service-account-missing" });
        });
      return new Secret(tokenRequest.parse(response).status.token);
    },
    /** Server-side apply without force. @returns the Secret. */
    async applySecret(resource: PullSecret, content: SecretContent, signal: AbortSignal): Promise<unknown> {
      const { namespace, name } = resource;
      const path = `/api/v1/namespaces/${namespace}/secrets/${name}?fieldManager=${MANAGER}`;
      const body = secretManifest(resource, content);
      try {
        return await api.send({ method: "PATCH", path, patch: "apply", body, signal: limited(signal) });
      } catch (error) {
        // 422: the type, or an immutable Secret, cannot be changed.
        throw errorOf(error, name, { 403: "secret-refused", 409: "secret-conflict", 422: "secret-conflict" });
      }
    },
    /** Server-side apply too, because conditions of other types may have other managers. @returns the resource. */
    async reportStatus(resource: PullSecret, status: PullSecretStatus, signal: AbortSignal): Promise<unknown> {
      const { namespace, name } = resource;
      const path = `/apis/${API_VERSION}/namespaces/${namespace}/${PLURAL}/${name}/status?fieldManager=${MANAGER}`;
      const body = { apiVersion: API_VERSION, kind: KIND, metadata: { namespace, name }, status };
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

function errorOf(error: unknown, place: string, codes: Readonly<Record<number, PullSecretErrorCode>>): PullSecretError {
  const status = statusOf(error);
  const retryAfterMs = error instanceof Error && "retryAfterMs" in error ? Number(error.retryAfterMs) : undefined;
  const code = (status === undefined ? undefined : codes[status]) ?? "api-server-failed";
  return new PullSecretError(code, place, { status, retryAfterMs: retryAfterMs || undefined, cause: error });
}
