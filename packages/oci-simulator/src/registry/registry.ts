/**
 * OCIR's registry: the distribution API's reading half under `/v2/`, and the token endpoint beside it.
 * Errors have the form and the words that Docker's and Oracle's clients know.
 */

import type { EndpointName } from "../endpoints.ts";
import { type Answer, answerJson, failOracle } from "../http/answer.ts";
import type { ReceivedRequest } from "../http/received-request.ts";
import { Refusal } from "../http/refusal.ts";
import type { Permission } from "../iam.ts";
import type { Claims } from "../jwt.ts";
import { type Blob, DOCKER_MANIFEST_TYPE, type Image, OCI_MANIFEST_TYPE } from "./image.ts";
import { isInScope } from "./registry-tokens.ts";
import { answerToken, TOKEN_PATH, type TokenEndpointOptions, tokenEndpointName } from "./token-endpoint.ts";

export interface RegistryOptions extends TokenEndpointOptions {
  imageOf(repository: string): Image;
}

interface Pull {
  readonly repository: string;
  readonly kind: "manifests" | "blobs" | "tags";
  readonly reference: string;
}

const VERSION_HEADER = { "docker-distribution-api-version": "registry/2.0" };

/** Codes of the distribution specification. */
const FAILURES: Readonly<Record<number, readonly [code: string, message: string]>> = {
  401: ["UNAUTHORIZED", "Unauthorized"],
  403: ["DENIED", "requested access to the resource is denied"],
  404: ["NAME_UNKNOWN", "repository name not known to registry"],
  429: ["TOOMANYREQUESTS", "too many requests"],
  503: ["UNAVAILABLE", "service unavailable"],
};

const ENDPOINTS = { manifests: "registry.manifest", blobs: "registry.blob", tags: "registry.other" } as const;

/** Names and tags of the distribution specification. */
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REFERENCE = "sha256:[0-9a-f]{64}|[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}";
const PULL = new RegExp(`^/v2/(${COMPONENT}(?:/${COMPONENT})*)/(?:(manifests|blobs)/(${REFERENCE})|tags/list)$`);

export function registryEndpoint(request: ReceivedRequest): EndpointName {
  if (request.path === TOKEN_PATH) return tokenEndpointName(request);
  if (/^\/v2\/?$/.test(request.path)) return "registry.v2";
  const pull = parsePull(request.path);
  if (pull === undefined) return "registry.other";
  return ENDPOINTS[pull.kind];
}

/** @throws {Refusal} from the token endpoint and for paths outside the API. */
export function answerRegistry(request: ReceivedRequest, options: RegistryOptions): Answer {
  if (request.path === TOKEN_PATH) return answerToken(request, options);
  if (!request.path.startsWith("/v2/") && request.path !== "/v2") {
    throw new Refusal("NotAuthorizedOrNotFound", `no such path ${request.path}`);
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return registryError(
      405,
      "UNSUPPORTED",
      "The operation is unsupported.",
      `${request.method}: this registry is read-only`,
    );
  }
  const pull = parsePull(request.path);
  const claims = bearerOf(request, options);
  if (typeof claims === "string") return challenge(request, pull?.repository, claims);
  if (/^\/v2\/?$/.test(request.path)) return answerJson(200, {}, VERSION_HEADER);
  if (pull === undefined)
    return registryError(404, "NAME_INVALID", "invalid repository name", `no such path ${request.path}`);
  if (!isInScope(claims, pull.repository))
    return challenge(request, pull.repository, "the token is for other repositories");
  return answerPull(
    pull,
    request,
    options.imageOf(pull.repository),
    options.iam.permission(pull.repository, claims),
    claims,
  );
}

/** The distribution API's form of an error below `/v2/`, Oracle's elsewhere. */
export function failRegistry(status: number, request: ReceivedRequest): Answer {
  if (!request.path.startsWith("/v2")) return failOracle(status);
  const [code, message] = FAILURES[status] ?? ["UNKNOWN", "unknown error"];
  return registryError(status, code, message, "a fault");
}

function parsePull(path: string): Pull | undefined {
  const match = PULL.exec(path);
  if (match?.[1] === undefined) return undefined;
  const [, repository, kind, reference = ""] = match;
  return { repository, kind: kind === "manifests" || kind === "blobs" ? kind : "tags", reference };
}

/** The claims of the request's token, or why it has none. */
function bearerOf(request: ReceivedRequest, { tokens }: RegistryOptions): Claims | string {
  const token = /^bearer (\S+)$/i.exec(request.headers["authorization"] ?? "")?.[1];
  if (token === undefined) return "no Bearer token";
  try {
    return tokens.open(token, request.host);
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

function challenge(request: ReceivedRequest, repository: string | undefined, reason: string): Answer {
  const realm = `${request.secure ? "https" : "http"}://${request.host}${TOKEN_PATH}`;
  const scope = repository === undefined ? "" : `repository:${repository}:pull`;
  return registryError(401, "UNAUTHORIZED", "Unauthorized", reason, {
    "www-authenticate": `Bearer realm="${realm}",service="${request.host}",scope="${scope}"`,
  });
}

function answerPull(
  pull: Pull,
  request: ReceivedRequest,
  image: Image,
  permission: Permission,
  claims: Claims,
): Answer {
  switch (permission) {
    case "denied":
      return registryError(
        403,
        "DENIED",
        `User UserId(${claims["sub"]}) not authorized`,
        `no grant for ${pull.repository}`,
      );
    case "denied-anonymous":
      return registryError(
        403,
        "DENIED",
        "Anonymous users are only allowed read access on public repos",
        `${pull.repository} is not public`,
      );
    case "absent":
      return registryError(
        404,
        "NAME_UNKNOWN",
        "repository name not known to registry",
        `no repository ${pull.repository}`,
      );
    case "granted":
      return answerGranted(pull, request, image);
  }
}

function answerGranted({ kind, repository, reference }: Pull, request: ReceivedRequest, image: Image): Answer {
  if (kind === "tags") return answerJson(200, { name: repository, tags: ["latest"] }, VERSION_HEADER);
  return kind === "manifests" ? answerManifest(reference, request, image) : answerBlob(reference, image);
}

/** Every tag is there; a digest must be that of one of the two manifests. */
function answerManifest(reference: string, request: ReceivedRequest, { dockerManifest, ociManifest }: Image): Answer {
  const accept = request.headers["accept"] ?? "";
  const isOci = accept.includes(OCI_MANIFEST_TYPE) && !accept.includes(DOCKER_MANIFEST_TYPE);
  const found = reference.startsWith("sha256:")
    ? [dockerManifest, ociManifest].find(({ digest }) => digest === reference)
    : isOci
      ? ociManifest
      : dockerManifest;
  if (found === undefined)
    return registryError(404, "MANIFEST_UNKNOWN", "manifest unknown", `no manifest ${reference}`);
  return answerContent(found);
}

function answerBlob(digest: string, { blobs }: Image): Answer {
  const found = blobs.get(digest);
  if (found === undefined) return registryError(404, "BLOB_UNKNOWN", "blob unknown to registry", `no blob ${digest}`);
  return answerContent(found);
}

function answerContent({ mediaType, digest, bytes }: Blob): Answer {
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
): Answer {
  return { ...answerJson(status, { errors: [{ code, message }] }, { ...VERSION_HEADER, ...headers }), reason };
}
