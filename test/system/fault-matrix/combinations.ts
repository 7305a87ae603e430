/** The faults, the upstreams, and their combinations. */
import type { Fault } from "@ocir-broker/oci-simulator/http/faults";

/** The endpoints of each; the region is requested at a second one if the first fails. */
const UPSTREAMS = {
  region: ["metadata.regionInfo", "metadata.region"],
  certificate: ["metadata.cert"],
  key: ["metadata.key"],
  intermediate: ["metadata.intermediate"],
  auth: ["auth.x509"],
  token: ["registry.token"],
  probe: ["registry.manifest"],
} as const;

export type UpstreamName = keyof typeof UPSTREAMS;

export interface Combination {
  readonly upstream: UpstreamName;
  readonly fault: string;
  /** The simulator's. */
  readonly told: Fault;
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

const NAMES = Object.keys(UPSTREAMS) as UpstreamName[];

export const COMBINATIONS: readonly Combination[] = NAMES.flatMap((upstream) =>
  [...Object.entries(EVERYWHERE).map(([fault, told]) => [fault, NAMES, told] as const), ...SOMEWHERE]
    .filter(([, where]) => where.includes(upstream))
    .map(([fault, , told]) => ({ upstream, fault, told: { ...told, endpoint: [...UPSTREAMS[upstream]] } })),
);
