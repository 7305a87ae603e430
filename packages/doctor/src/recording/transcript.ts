/**
 * `doctor --record`: sends metadata service, auth service and registry every request that the broker and its simulator make
 * assumptions about, and records the redacted responses. Comparing transcripts shows where the simulator differs.
 */
import { codeOf } from "@ocir-broker/errors/describe-error";
import { Secret } from "@ocir-broker/foundation/secret";
import type { SendRequest } from "@ocir-broker/foundation/upstream";
import { urlBelow } from "@ocir-broker/foundation/url-below";
import { probeRepository } from "@ocir-broker/ocir/access-probe";
import { registryHostOf } from "@ocir-broker/ocir/host-rules";
import { parseImage, referenceOf } from "@ocir-broker/ocir/image";
import { attempt } from "../attempt.ts";
import { createCloud } from "../cloud.ts";
import type { DoctorOptions } from "../doctor-options.ts";
import type { RecordedRequest } from "../recorded-requests.ts";
import { type Shape, shapeOfBody, shapeOfHeaders } from "./redaction.ts";

interface TranscriptEntry {
  /** The attempt in our own words. */
  readonly step: string;
  /** Method and path, without names. */
  readonly request: string;
  readonly elapsedMs: number;
  /** Absent if there was no complete response; `failure` says why. */
  readonly status?: number;
  readonly failure?: string;
  readonly headers?: { readonly [name: string]: Shape };
  readonly body?: Shape;
}

export interface Transcript {
  readonly format: 1;
  readonly version: string;
  readonly entries: readonly TranscriptEntry[];
}

type Options = Pick<DoctorOptions, "config" | "environment" | "image" | "clock" | "random" | "version">;

/** For all steps; each step has its own limits too. */
const LIMIT_MS = 60_000;

/** A failed step is a result too, so the following steps still run. */
export async function recordTranscript(options: Options): Promise<Transcript> {
  const { clock, image } = options;
  const ending = new AbortController();
  const limit = clock.setTimer(() => ending.abort(), LIMIT_MS);
  const cloud = createCloud({ ...options, signal: ending.signal });
  const entries: TranscriptEntry[] = [];

  async function take(step: string, work: () => Promise<unknown>): Promise<void> {
    const before = cloud.requests.length;
    const outcome = await attempt(work());
    const made = cloud.requests.slice(before).map((request) => describe(step, request));
    entries.push(...made);
    if (made.length === 0 && "error" in outcome) {
      entries.push({ step, request: "none", elapsedMs: 0, failure: codeOf(outcome.error) });
    }
  }

  const send =
    (sender: SendRequest) =>
    (url: URL, headers: Record<string, string> = {}) =>
      sender({ method: "GET", url, headers, signal: ending.signal });
  const metadata = send(cloud.sendMetadata);
  const registry = send(cloud.sendRegistry);
  const { signal } = ending;

  async function takeAll(): Promise<void> {
    for (const base of cloud.metadataBaseUrls) {
      const at = (path: `/${string}`): URL => urlBelow(base, path);
      const bearer = { authorization: "Bearer Oracle" };
      await take("metadata", () => metadata(at("/instance/regionInfo"), bearer));
      await take("metadata, the region alone", () => metadata(at("/instance/region"), bearer));
      await take("metadata, what is not there", () => metadata(at("/instance/no-such-thing"), bearer));
      await take("metadata, without Authorization", () => metadata(at("/instance/regionInfo")));
      await take("metadata, forwarded", () =>
        metadata(at("/instance/regionInfo"), { ...bearer, "x-forwarded-for": "192.0.2.1" }),
      );
      await take("metadata, version 1", () => metadata(new URL("/opc/v1/instance/region", base), bearer));
    }
    await take("session", () => cloud.session());
    await take("auth service, unsigned", async () => cloud.sendAuth(unsigned(await cloud.authUrl(), signal)));

    const name = image === undefined ? undefined : parseImage(image);
    const region = await cloud.region().catch(() => undefined);
    const registryHost = name?.registryHost ?? (region && registryHostOf(region));
    if (registryHost === undefined) return;
    // A host outside the rules gets no request, signed or not.
    if (!(await cloud.isRegistry(registryHost))) {
      entries.push({ step: "registry", request: "none", elapsedMs: 0, failure: "image-foreign" });
      return;
    }
    const endpoint = cloud.endpointOf(registryHost);
    await take("registry, unsigned", () => registry(new URL("/v2/", endpoint)));
    await take("registry, unsigned token", () => registry(new URL("/20180419/docker/token", endpoint)));
    await take("registry, token", () => cloud.token(registryHost));
    const token = await attempt(cloud.token(registryHost));
    if ("error" in token) return;
    const bearer = { authorization: `Bearer ${token.value.value.reveal()}` };
    await take("registry, with the token", () => registry(new URL("/v2/", endpoint), bearer));
    await take("registry, a token that is none", () =>
      probeRepository("ocir-broker/doctor", new Secret("none"), { send: cloud.sendRegistry, endpoint }, signal),
    );
    await take("registry, a repository that is not there", () =>
      registry(new URL("/v2/ocir-broker/doctor/manifests/latest", endpoint), bearer),
    );
    if (name !== undefined && image !== undefined) {
      const reference = referenceOf(image);
      await take("registry, the image", () =>
        probeRepository(name.repository, token.value.value, { send: cloud.sendRegistry, endpoint, reference }, signal),
      );
    }
  }

  try {
    await takeAll();
    return { format: 1, version: options.version, entries };
  } finally {
    limit.cancel();
    ending.abort();
    await cloud.close();
  }
}

function unsigned(authUrl: URL, signal: AbortSignal): Parameters<SendRequest>[0] {
  const url = urlBelow(authUrl, "/v1/x509");
  const headers = { "content-type": "application/json" };
  return { method: "POST", url, headers, body: "{}", signal };
}

function describe(step: string, { method, label, elapsedMs, response, failure }: RecordedRequest): TranscriptEntry {
  const about = { step, request: `${method} ${label}`, elapsedMs: Math.round(elapsedMs) };
  if (response === undefined) return { ...about, failure: failure ?? "none" };
  return {
    ...about,
    status: response.status,
    headers: shapeOfHeaders(response.headers),
    body: shapeOfBody(response),
  };
}
