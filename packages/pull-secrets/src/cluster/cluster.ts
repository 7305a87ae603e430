/**
 * The controller's part of the cluster. It watches the resources and Secrets, two watches for each name, so that objects of other names
 * cost nothing; a replica without the Lease watches too, so that it can work at once when it gets the Lease. It writes the Secret, the
 * status and Events, and requests service-account tokens.
 */

import { FetchError, type FetchErrorOptions } from "@ocir-broker/foundation/fetch-error";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { ApiError } from "@ocir-broker/kubernetes/api-error";
import type { ApiRequest, ApiServer } from "@ocir-broker/kubernetes/api-server";
import { type EventFields, newEvent } from "@ocir-broker/kubernetes/event";
import { ObjectCache, type ObjectCacheOptions } from "@ocir-broker/kubernetes/object-cache";
import * as z from "zod";
import { PULL_SECRET_ERRORS, type PullSecretErrorCode } from "../error-codes.ts";
import {
  API_VERSION,
  KIND,
  MANAGER,
  PLURAL,
  type PullSecret,
  type PullSecretStatus,
  parsePullSecret,
} from "../objects/pull-secret.ts";
import { type KnownSecret, readSecret, type SecretContent, secretManifest } from "../objects/secret-content.ts";

const NAMESPACES_PATH = "/api/v1/namespaces";
const SECRETS_PATH = "/api/v1/secrets";
const RESOURCES_PATH = `/apis/${API_VERSION}/${PLURAL}`;

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

/** @param key `namespace/name` of a resource, as everywhere here. */
type Listener = (key: string) => void;

export type WatchedCluster = ReturnType<typeof watchCluster>;

interface WatchedClusterOptions extends Pick<ObjectCacheOptions<unknown>, "api" | "clock" | "signal" | "say"> {
  readonly names: ReadonlySet<string>;
  /** A label selector in the API server's form, such as `team in (a,b)`: it evaluates the selector, and sends only these namespaces. */
  readonly namespaceSelector?: string | undefined;
}

export function watchCluster({ names, namespaceSelector, ...options }: WatchedClusterOptions) {
  let listener: Listener | undefined;
  const onChange: Listener = (key) => listener?.(key);
  const shared = { ...options, onChange };
  function watchEach<T>(path: string, parse: (object: unknown) => T | undefined) {
    const watches = [...names].map((name) => {
      const query = { fieldSelector: `metadata.name=${name}` };
      return [name, new ObjectCache({ ...shared, path, query, parse })] as const;
    });
    return new Map(watches);
  }
  const resources = watchEach(RESOURCES_PATH, parsePullSecret);
  const secrets = watchEach(SECRETS_PATH, readSecret);
  const watchNamespaces = (labelSelector: string) =>
    new ObjectCache({
      ...shared,
      path: NAMESPACES_PATH,
      query: { labelSelector },
      parse: (object) => ({
        isEnding: (object as { metadata: { deletionTimestamp?: string } }).metadata.deletionTimestamp !== undefined,
      }),
      onChange(key) {
        for (const name of names) onChange(`${key.slice(1)}/${name}`);
      },
    });
  const selected = namespaceSelector === undefined ? undefined : watchNamespaces(namespaceSelector);
  const namespaceOf = (namespace: string) => selected?.get(`/${namespace}`);
  return {
    /** Undefined if it does not exist, or if its selected namespace is being deleted, so that nothing can be created in it. */
    resource(key: string): PullSecret | undefined {
      const [namespace = "", name = ""] = key.split("/");
      return namespaceOf(namespace)?.isEnding ? undefined : resources.get(name)?.get(key);
    },
    secret: (key: string): KnownSecret | undefined => secrets.get(key.slice(key.indexOf("/") + 1))?.get(key),
    /** Adds the responses to writes. */
    putResource: (name: string, object: unknown): void => resources.get(name)?.put(object),
    putSecret: (name: string, object: unknown): void => secrets.get(name)?.put(object),
    *allResources(): Iterable<PullSecret> {
      for (const cache of resources.values()) yield* cache.values();
    },
    /** Whether `namespaceSelector` selects this namespace; false without a selector. */
    isSelected: (namespace: string) => namespaceOf(namespace) !== undefined,
    /** Resolves when everything is listed: without the list of namespaces, every Secret would be emptied. */
    synced: Promise.all([selected, ...resources.values(), ...secrets.values()].map((cache) => cache?.synced)),
    /** @param next called for each change of a resource, its Secret, or whether its namespace is selected; undefined ends the calls. */
    notify(next: Listener | undefined): void {
      listener = next;
    },
  };
}
