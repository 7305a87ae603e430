/**
 * OCIR's registry: the distribution API under `/v2/`, with pushes only if there is a storage, and the token endpoint. Errors have
 * the form and texts that Docker's and Oracle's clients expect.
 */
import type { Cloud } from "../cloud.ts";
import type { EndpointName } from "../endpoints.ts";
import type { Fault } from "../http/faults.ts";
import type { ReceivedRequest } from "../http/received-request.ts";
import { Refusal } from "../http/refusal.ts";
import { failOracle, type HttpResponse, jsonResponse } from "../http/response.ts";
import { type Action, isAnonymous } from "../iam.ts";
import type { Claims } from "../jwt.ts";
import type { Blob, Image } from "../registry/image.ts";
import { isInScope } from "../registry/registry-tokens.ts";
import { forwardTo } from "../registry/storage.ts";
import { answerToken, TOKEN_PATH, tokenEndpointName } from "./token-endpoint.ts";

type Target = NonNullable<ReturnType<typeof parseTarget>>;

const VERSION_HEADER = { "docker-distribution-api-version": "registry/2.0" };

/** Codes of the distribution specification. */
const FAILURES: Readonly<Record<number, readonly [code: string, message: string]>> = {
  401: ["UNAUTHORIZED", "Unauthorized"],
  403: ["DENIED", "requested access to the resource is denied"],
  404: ["NAME_UNKNOWN", "repository name not known to registry"],
  429: ["TOOMANYREQUESTS", "too many requests"],
  503: ["UNAVAILABLE", "service unavailable"],
};

const ENDPOINTS = {
  manifests: "registry.manifest",
  blobs: "registry.blob",
  uploads: "registry.other",
  tags: "registry.other",
} as const;

/** Names and tags of the distribution specification. */
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REFERENCE = "sha256:[0-9a-f]{64}|[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}";
const UPLOAD = "blobs/uploads/[^/]*";
const TARGET = new RegExp(
  `^/v2/(${COMPONENT}(?:/${COMPONENT})*)/(?:(${UPLOAD})|(manifests|blobs)/(${REFERENCE})|tags/list)$`,
);

export function registryEndpoint(request: ReceivedRequest): EndpointName {
  if (request.path === TOKEN_PATH) return tokenEndpointName(request);
  if (/^\/v2\/?$/.test(request.path)) return "registry.v2";
  const target = parseTarget(request.path);
  return target === undefined ? "registry.other" : ENDPOINTS[target.kind];
}

/** @throws {Refusal} from the token endpoint and for paths outside the API. */
export async function answerRegistry(request: ReceivedRequest, cloud: Cloud, fault?: Fault): Promise<HttpResponse> {
  if (request.path === TOKEN_PATH) return answerToken(request, cloud, fault?.token);
  if (!request.path.startsWith("/v2/") && request.path !== "/v2") {
    throw new Refusal("NotAuthorizedOrNotFound", `no such path ${request.path}`);
  }
  const isReading = request.method === "GET" || request.method === "HEAD";
  if (!isReading && cloud.storage === undefined) {
    const reason = `${request.method}: this registry is read-only`;
    return registryError(405, "UNSUPPORTED", "The operation is unsupported.", reason);
  }
  const target = parseTarget(request.path);
  const action = isReading && target?.kind !== "uploads" ? "pull" : "push";
  const claims = bearerOf(request, cloud);
  if (typeof claims === "string") return challenge(request, target?.repository, action, claims);
  if (/^\/v2\/?$/.test(request.path)) return jsonResponse(200, {}, VERSION_HEADER);
  if (target === undefined)
    return registryError(404, "NAME_INVALID", "invalid repository name", `no such path ${request.path}`);
  const refused = refuseAction(action, target.repository, claims, request, cloud);
  if (refused !== undefined) return refused;
  const stored = cloud.storage && (await forwardTo(cloud.storage, request));
  if (stored !== undefined && !(isReading && stored.status === 404)) return stored;
  return responseFor(target, cloud.imageOf(target.repository));
}

/** The distribution API's form of an error below `/v2/`, Oracle's elsewhere. */
export function failRegistry(status: number, request: ReceivedRequest): HttpResponse {
  if (!request.path.startsWith("/v2")) return failOracle(status);
  const [code, message] = FAILURES[status] ?? ["UNKNOWN", "unknown error"];
  return registryError(status, code, message, "a fault");
}

function parseTarget(path: string) {
  const [, repository, upload, kind, reference = ""] = TARGET.exec(path) ?? [];
  if (repository === undefined) return undefined;
  const ofContent = kind === "manifests" || kind === "blobs" ? kind : "tags";
  return { repository, reference, kind: upload === undefined ? ofContent : "uploads" } as const;
}

/** The claims of the request's token, or the reason why there are none. */
function bearerOf(request: ReceivedRequest, { tokens }: Cloud): Claims | string {
  const token = /^bearer (\S+)$/i.exec(request.headers["authorization"] ?? "")?.[1];
  if (token === undefined) return "no Bearer token";
  try {
    return tokens.open(token, request.host);
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

function challenge(
  request: ReceivedRequest,
  repository: string | undefined,
  action: Action,
  reason: string,
): HttpResponse {
  const realm = `${request.secure ? "https" : "http"}://${request.host}${TOKEN_PATH}`;
  const actions = action === "push" ? "pull,push" : "pull";
  const scope = repository === undefined ? "" : `repository:${repository}:${actions}`;
  return registryError(401, "UNAUTHORIZED", "Unauthorized", reason, {
    "www-authenticate": `Bearer realm="${realm}",service="${request.host}",scope="${scope}"`,
  });
}

/** Undefined if IAM and the token allow it. A push without a grant is 403 even with a token for pulls, as a retry would not help. */
function refuseAction(
  action: Action,
  repository: string,
  claims: Claims,
  request: ReceivedRequest,
  { iam }: Cloud,
): HttpResponse | undefined {
  const isForOthers = "the token is for other repositories";
  const [namespace] = repository.split("/");
  // The text is from a report, without the status and the code.
  if (!iam.tenantExists(repository))
    return registryError(404, "NAME_UNKNOWN", `Tenant with name ${namespace} not found`, `no tenancy has ${namespace}`);
  if (action === "pull" && !isInScope(claims, repository, action))
    return challenge(request, repository, action, isForOthers);
  if (!iam.actions(repository, claims).includes(action)) {
    const message = isAnonymous(claims)
      ? "Anonymous users are only allowed read access on public repos"
      : `User UserId(${claims["sub"]}) not authorized`;
    return registryError(403, "DENIED", message, `no grant to ${action} for ${repository}`);
  }
  if (!isInScope(claims, repository, action)) return challenge(request, repository, action, isForOthers);
  if (iam.permission(repository, claims) === "absent")
    return registryError(404, "NAME_UNKNOWN", "repository name not known to registry", `no repository ${repository}`);
  return undefined;
}

/** Every tag exists; a digest must be that of the image's manifest or blobs. */
function responseFor({ kind, repository, reference }: Target, { manifest, blobs }: Image): HttpResponse {
  if (kind === "tags") return jsonResponse(200, { name: repository, tags: ["latest"] }, VERSION_HEADER);
  if (kind === "blobs") {
    const found = blobs.get(reference);
    if (found !== undefined) return contentResponse(found);
    return registryError(404, "BLOB_UNKNOWN", "blob unknown to registry", `no blob ${reference}`);
  }
  if (reference.startsWith("sha256:") && reference !== manifest.digest)
    return registryError(404, "MANIFEST_UNKNOWN", "manifest unknown", `no manifest ${reference}`);
  return contentResponse(manifest);
}

function contentResponse({ mediaType, digest, bytes }: Blob): HttpResponse {
  const headers = {
    "content-type": mediaType,
    "docker-content-digest": digest,
    etag: `"${digest}"`,
    ...VERSION_HEADER,
  };
  return { status: 200, headers, body: bytes };
}

function registryError(
  status: number,
  code: string,
  message: string,
  reason: string,
  headers: Record<string, string> = {},
): HttpResponse {
  return { ...jsonResponse(status, { errors: [{ code, message }] }, { ...VERSION_HEADER, ...headers }), reason };
}
