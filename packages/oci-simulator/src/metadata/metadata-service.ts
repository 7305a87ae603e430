/**
 * The instance metadata service, version 2: the node's data, region and identity certificates.
 *
 * Refuses the same requests as Oracle's: without `Authorization: Bearer Oracle`, forwarded, version 1, and (if a limit is set) too
 * many a second (docs.oracle.com: "Getting Instance Metadata").
 */
import type { Clock } from "@ocir-broker/foundation";
import type { EndpointName } from "../endpoints.ts";
import type { Fault } from "../faults.ts";
import { type Answer, answerHtml, answerJson, answerText } from "../http/answer.ts";
import type { ReceivedRequest } from "../http/received-request.ts";
import type { CertificateChain } from "./certificate-chain.ts";
import type { Instance } from "./instance.ts";

export interface MetadataServiceOptions {
  readonly instance: Instance;
  readonly chain: CertificateChain;
  readonly clock: Clock;
  /** Limit of requests a second, with a burst of the same size, before 429. Default: no limit. */
  readonly limitPerS: number | undefined;
  /** The instance's own metadata keys, which override those of every node. */
  readonly instanceMetadata: Readonly<Record<string, string>>;
}

export type MetadataService = (request: ReceivedRequest, fault?: Fault) => Answer | Promise<Answer>;

const BASE = "/opc/v2";
const FORWARDED = ["forwarded", "x-forwarded-for", "x-forwarded-host"];

/** The metadata service names its two oldest regions by their keys. */
const REGIONS_BY_KEY = ["us-ashburn-1", "us-phoenix-1"];

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

export function createMetadataService(options: MetadataServiceOptions): MetadataService {
  const { instance, chain, clock, limitPerS } = options;
  const document = instanceDocument(instance, options.instanceMetadata);
  const isWithinLimit = limitPerS === undefined ? () => true : createLimit(clock, limitPerS);

  return (request, fault) => {
    const path = pathBelowBase(request);
    if (path === undefined) return refuse(404, "Not Found", `no such path ${request.path}`);
    if (FORWARDED.some((name) => request.headers[name] !== undefined))
      return refuse(403, "Forbidden", "the request was forwarded");
    if (request.headers["authorization"] === undefined) return refuse(401, "Unauthorized", "no Authorization");
    if (request.headers["authorization"] !== "Bearer Oracle")
      return refuse(403, "Forbidden", "Authorization is not Bearer Oracle");
    if (!isWithinLimit()) return refuse(429, "Too Many Requests", "above the limit");
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(405, "Method Not Allowed", request.method);
    if (path.startsWith("/identity/")) return answerIdentity(path, chain, fault);
    return answerDocument(path, { instance: document });
  };
}

/** The error page of the metadata service: HTML, also for 429. */
export function failMetadata(status: number): Answer {
  return answerHtml(status, status === 404 ? "Not Found" : status === 429 ? "Too Many Requests" : "Error");
}

function refuse(status: number, title: string, reason: string): Answer {
  return { ...answerHtml(status, title), reason };
}

function pathBelowBase(request: ReceivedRequest): string | undefined {
  if (!request.path.startsWith(`${BASE}/`)) return undefined;
  return request.path.slice(BASE.length).replace(/\/$/, "");
}

function createLimit(clock: Clock, limitPerS: number): () => boolean {
  let left = limitPerS;
  let atMs = clock.monotonicMs();
  return () => {
    const nowMs = clock.monotonicMs();
    left = Math.min(limitPerS, left + ((nowMs - atMs) / 1_000) * limitPerS);
    atMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

async function answerIdentity(path: string, chain: CertificateChain, fault: Fault | undefined): Promise<Answer> {
  const { certificatePem, keyPem, intermediatePem } = fault?.mismatch ? await chain.mismatched() : chain.current();
  if (path === "/identity/cert.pem") return answerText(200, certificatePem);
  if (path === "/identity/key.pem") return answerText(200, keyPem);
  if (path === "/identity/intermediate.pem") return answerText(200, intermediatePem);
  return refuse(404, "Not Found", `no such path ${path}`);
}

/** Any part of the document can be requested: a value as text, an object or list as JSON. */
function answerDocument(path: string, document: unknown): Answer {
  let value = document;
  for (const name of path.split("/").slice(1)) {
    const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, name);
    if (!isThere) return refuse(404, "Not Found", `no such path ${path}`);
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === "object" ? answerJson(200, value) : answerText(200, String(value));
}

function instanceDocument(
  { instanceId, compartmentId, tenancyId, region }: Instance,
  instanceMetadata: Readonly<Record<string, string>>,
): object {
  return {
    availabilityDomain: `SiMu:${region.id.toUpperCase()}-AD-1`,
    canonicalRegionName: region.id,
    compartmentId,
    displayName: "oke-simulated-node-0",
    faultDomain: "FAULT-DOMAIN-1",
    hostname: "oke-simulated-node-0",
    id: instanceId,
    image: instanceId.replace("instance", "image"),
    metadata: {
      apiserver_host: "10.0.0.10",
      oke_init_script: Buffer.from("#!/bin/bash\n").toString("base64"),
      user_data: Buffer.from("#!/bin/bash\n# made up, and secret on a real node\n").toString("base64"),
      ...instanceMetadata,
    },
    ociAdName: `${region.key.toLowerCase()}-ad-1`,
    region: REGIONS_BY_KEY.includes(region.id) ? region.key.toLowerCase() : region.id,
    regionInfo: {
      realmDomainComponent: region.realmDomain,
      realmKey: region.realmKey,
      regionIdentifier: region.id,
      regionKey: region.key,
    },
    shape: "VM.Standard.E5.Flex",
    state: "Running",
    tenantId: tenancyId,
    timeCreated: 1_767_225_600_000,
  };
}
