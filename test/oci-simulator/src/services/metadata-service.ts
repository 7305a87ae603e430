/**
 * The instance metadata service, version 2: the node's data, region and identity certificates.
 *
 * Refuses the same requests as Oracle's: without `Authorization: Bearer Oracle`, forwarded, and version 1 (docs.oracle.com:
 * "Getting Instance Metadata").
 */
import type { Cloud } from "../cloud.ts";
import type { EndpointName } from "../endpoints.ts";
import type { Fault } from "../http/faults.ts";
import type { ReceivedRequest } from "../http/received-request.ts";
import { type HttpResponse, htmlResponse, jsonResponse, textResponse } from "../http/response.ts";
import { ASHBURN, INSTANCE, VNIC } from "../metadata/instance.ts";

const BASE = "/opc/v2";
const FORWARDED = ["forwarded", "x-forwarded-for", "x-forwarded-host"];

const ENDPOINTS: Readonly<Record<string, EndpointName>> = {
  "/instance/regionInfo": "metadata.regionInfo",
  "/instance/region": "metadata.region",
  "/identity/cert.pem": "metadata.cert",
  "/identity/key.pem": "metadata.key",
  "/identity/intermediate.pem": "metadata.intermediate",
};

export function metadataEndpoint(request: ReceivedRequest): EndpointName {
  const path = pathBelowBase(request);
  return (path !== undefined && ENDPOINTS[path]) || "metadata.other";
}

export async function answerMetadata(request: ReceivedRequest, cloud: Cloud, fault?: Fault): Promise<HttpResponse> {
  const path = pathBelowBase(request);
  if (path === undefined) return refuse(404, "Not Found", `no such path ${request.path}`);
  if (FORWARDED.some((name) => request.headers[name] !== undefined))
    return refuse(403, "Forbidden", "the request was forwarded");
  if (request.headers["authorization"] === undefined) return refuse(401, "Unauthorized", "no Authorization");
  if (request.headers["authorization"] !== "Bearer Oracle")
    return refuse(403, "Forbidden", "Authorization is not Bearer Oracle");
  if (request.method !== "GET" && request.method !== "HEAD") return refuse(405, "Method Not Allowed", request.method);
  if (path.startsWith("/identity/")) return identityResponse(path, cloud, fault);
  return documentResponse(path, { instance: instanceDocument(cloud), vnics: [VNIC] });
}

/** The error page of the metadata service: HTML, also for 429 (oracle-devrel/oke-credential-provider-for-ocir#4). */
export function failMetadata(status: number): HttpResponse {
  return htmlResponse(status, status === 404 ? "Not Found" : status === 429 ? "Too Many Requests" : "Error");
}

function refuse(status: number, title: string, reason: string): HttpResponse {
  return { ...htmlResponse(status, title), reason };
}

function pathBelowBase(request: ReceivedRequest): string | undefined {
  if (!request.path.startsWith(`${BASE}/`)) return undefined;
  return request.path.slice(BASE.length).replace(/\/$/, "");
}

async function identityResponse(path: string, { chain }: Cloud, fault?: Fault): Promise<HttpResponse> {
  const { certificatePem, keyPem, intermediatePem } = await (fault?.mismatch ? chain.mismatched() : chain.current());
  if (path === "/identity/cert.pem") return textResponse(200, certificatePem);
  if (path === "/identity/key.pem") return textResponse(200, keyPem);
  if (path === "/identity/intermediate.pem") return textResponse(200, intermediatePem);
  return refuse(404, "Not Found", `no such path ${path}`);
}

/** Any part of the document can be requested: a value as text, an object or list as JSON. */
function documentResponse(path: string, document: unknown): HttpResponse {
  let value = document;
  for (const name of path.split("/").slice(1)) {
    const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, name);
    if (!isThere) return refuse(404, "Not Found", `no such path ${path}`);
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === "object" ? jsonResponse(200, value) : textResponse(200, String(value));
}

/** Only what clients read. Without `displayName`, `hostname`, `id` or `ociAdName`, cloud-init runs no user data. */
function instanceDocument({ instanceMetadata }: Cloud): object {
  return {
    canonicalRegionName: ASHBURN.id,
    displayName: INSTANCE.hostname,
    hostname: INSTANCE.hostname,
    id: INSTANCE.instanceId,
    metadata: { oke_init_script: Buffer.from("#!/bin/bash\n").toString("base64"), ...instanceMetadata },
    ociAdName: ASHBURN.availabilityDomain,
    // The metadata service names its oldest regions by their keys.
    region: ASHBURN.key.toLowerCase(),
    regionInfo: {
      realmDomainComponent: ASHBURN.realmDomain,
      realmKey: ASHBURN.realmKey,
      regionIdentifier: ASHBURN.id,
      regionKey: ASHBURN.key,
    },
  };
}
