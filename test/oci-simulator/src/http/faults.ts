/**
 * Faults of responses on demand: validated, queued, and used up.
 *
 * Owns the form of a fault and its assignment to requests; `response-writer.ts` puts it on the wire.
 */
import * as z from "zod";
import { ENDPOINT_PATTERNS, type EndpointName, matchesEndpoint } from "../endpoints.ts";

/** Before anything is sent, or after the headers and half of the body. */
const moment = z.enum(["before-headers", "mid-body"]);

const pattern = z.enum(ENDPOINT_PATTERNS);
const ENDPOINT_ERROR = `expected one or a list of ${ENDPOINT_PATTERNS.join(", ")}`;

/**
 * Faults of a token: it has expired, it has no expiry, it is bound to another key than the caller's (auth service only), it is
 * anonymous although the request was signed (registry only), or it was issued earlier and has this many seconds left (sessions
 * with "a very short expiration": oracle/nosql-java-sdk#37, "less than 5 minutes": oracle/nosql-go-sdk#11).
 */
const tokenFlaw = z.enum(["expired", "without-exp", "foreign-key", "anonymous"]).or(z.int().min(1).max(86_400));
export type TokenFlaw = z.infer<typeof tokenFlaw>;

const fields = z.strictObject({
  /** The affected requests: one endpoint, a service (`metadata.*`), all (`*`), or a list of these. */
  endpoint: z.union([pattern, z.array(pattern).min(1, ENDPOINT_ERROR)], ENDPOINT_ERROR),
  /** Number of affected requests. Default: all until cleared. */
  times: z.int().min(1).optional(),
  /** Answer with this status and the service's form of error, without calling the service. */
  status: z.int().min(200).max(599).optional(),
  /** Delay of the response in milliseconds, or until the faults are cleared. It replaces the simulator's latency. */
  latencyMs: z.int().min(0).max(3_600_000).optional(),
  /** Stop sending there until the client closes or the faults are cleared. */
  hang: moment.optional(),
  /** Reset the connection there. */
  reset: moment.optional(),
  /** Announce the whole body, send half, close. */
  truncate: z.boolean().optional(),
  /** The body is a web server's error page. */
  html: z.boolean().optional(),
  /** The body is invalid JSON with the type of JSON. */
  wrongJson: z.boolean().optional(),
  /** The body is JSON of another form. */
  wrongShape: z.boolean().optional(),
  /** The body is this many MiB of valid JSON. */
  bodyMiB: z.int().min(1).max(256).optional(),
  /** `Retry-After`, in seconds. */
  retryAfter: z.int().min(0).max(86_400).optional(),
  /** The `Date` header is off by this many milliseconds. */
  dateSkewMs: z.int().optional(),
  contentType: z
    .string()
    .regex(/^[\x20-\x7e]+$/)
    .optional(),
  /** The whole service goes down: its connections end, and new ones are refused until the faults are cleared. */
  refuse: z.boolean().optional(),
  /** The leaf certificate and key are replaced just before this response. */
  rotate: z.boolean().optional(),
  /** An identity document that does not match the other two: another certificate, key or intermediate. */
  mismatch: z.boolean().optional(),
  token: tokenFlaw.optional(),
});
export type Fault = Readonly<z.infer<typeof fields>>;

export const faultSchema = fields.refine(
  // A mistyped constant is undefined, and would break nothing.
  (fault) =>
    Object.entries(fault).some(([name, value]) => value !== undefined && name !== "endpoint" && name !== "times"),
  "a fault needs something that goes wrong",
);

const EXPIRED_S = 60;

/** What is left of a token's life when it is issued, in seconds; negative for an expired one. */
export function secondsLeft(flaw: TokenFlaw | undefined, lifeS: number): number {
  if (flaw === "expired") return -EXPIRED_S;
  return typeof flaw === "number" ? flaw : lifeS;
}

export type FaultQueue = ReturnType<typeof createFaultQueue>;

export function createFaultQueue() {
  let queue: { readonly fault: Fault; leftTimes: number }[] = [];
  let clearing = new AbortController();
  return {
    /** Adds it after the existing ones; if several affect a request, the oldest is used. */
    add: (fault: Fault) => void queue.push({ fault, leftTimes: fault.times ?? Number.POSITIVE_INFINITY }),
    /** Removes all faults, and releases hanging requests. */
    clear(): void {
      queue = [];
      clearing.abort();
      clearing = new AbortController();
    },
    /** The fault for a request, used up once. */
    take(endpoint: EndpointName): Fault | undefined {
      const found = queue.find(({ fault }) =>
        [fault.endpoint].flat().some((pattern) => matchesEndpoint(pattern, endpoint)),
      );
      if (found === undefined) return undefined;
      found.leftTimes -= 1;
      if (found.leftTimes <= 0) queue = queue.filter((queued) => queued !== found);
      return found.fault;
    },
    /** Aborted by the next `clear`. */
    cleared: () => clearing.signal,
  };
}
