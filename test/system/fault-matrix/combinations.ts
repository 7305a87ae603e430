/** The faults, the upstreams, and their combinations. */
import type { Fault } from "@ocir-broker/oci-simulator/http/faults";

export interface Upstream {
  readonly name: string;
  readonly endpoint: Extract<Fault["endpoint"], string>;
  readonly title: string;
}

export const UPSTREAMS = [
  { name: "region", endpoint: "metadata.regionInfo", title: "Metadata service: region" },
  { name: "certificate", endpoint: "metadata.cert", title: "Metadata service: certificate" },
  { name: "key", endpoint: "metadata.key", title: "Metadata service: key" },
  { name: "intermediate", endpoint: "metadata.intermediate", title: "Metadata service: intermediate certificate" },
  { name: "auth", endpoint: "auth.x509", title: "Auth service" },
  { name: "token", endpoint: "registry.token", title: "Registry: token endpoint" },
  { name: "probe", endpoint: "registry.manifest", title: "Registry: access probe" },
] as const satisfies readonly Upstream[];

export type UpstreamName = (typeof UPSTREAMS)[number]["name"];

export interface Combination {
  readonly upstream: Upstream & { readonly name: UpstreamName };
  readonly fault: string;
  /** The simulator's fault; the region's faults also apply to `/instance/region`, which is requested next. */
  readonly told: Omit<Fault, "endpoint">;
}

/** Longer than the waits within a fetch from the metadata service, so that it affects the cache's plan. */
export const RETRY_AFTER_S = 7;

const SKEW_MS = 600_000;

/** The shortest life of a session that has been reported. */
const SHORT_S = 100;

const EVERYWHERE: Readonly<Record<string, Omit<Fault, "endpoint">>> = {
  "connection refused": { refuse: true },
  "hang before headers": { hang: "before-headers" },
  "hang mid-body": { hang: "mid-body" },
  "reset mid-body": { reset: "mid-body" },
  "status 400": { status: 400 },
  "status 401": { status: 401 },
  "status 403": { status: 403 },
  "status 404": { status: 404 },
  "status 429": { status: 429 },
  "status 429 with Retry-After": { status: 429, retryAfter: RETRY_AFTER_S },
  "status 500": { status: 500 },
  "status 503": { status: 503 },
  "truncated JSON": { wrongJson: true },
  HTML: { html: true },
  "wrong content type": { contentType: "application/x-www-form-urlencoded" },
  "wrong shape": { wrongShape: true },
  "10 MiB body": { bodyMiB: 10 },
  "Date 10 min ahead": { dateSkewMs: SKEW_MS },
  "Date 10 min behind": { dateSkewMs: -SKEW_MS },
};

const SOMEWHERE: readonly (readonly [string, readonly UpstreamName[], Omit<Fault, "endpoint">])[] = [
  ["expired token", ["auth", "token"], { token: "expired" }],
  [`token with ${SHORT_S} s left`, ["auth", "token"], { token: SHORT_S }],
  ["token without exp", ["auth", "token"], { token: "without-exp" }],
  ["token for another key", ["auth"], { token: "foreign-key" }],
  ["anonymous token", ["token"], { token: "anonymous" }],
  ["does not fit the others", ["certificate", "key", "intermediate"], { mismatch: true }],
  ["new certificate mid-way", ["certificate", "key", "intermediate", "auth"], { rotate: true, times: 1 }],
];

export const COMBINATIONS: readonly Combination[] = UPSTREAMS.flatMap((upstream) => [
  ...Object.entries(EVERYWHERE).map(([fault, told]) => ({ upstream, fault, told })),
  ...SOMEWHERE.filter(([, where]) => where.includes(upstream.name)).map(([fault, , told]) => ({
    upstream,
    fault,
    told,
  })),
]);
