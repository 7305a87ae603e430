/**
 * Faults of responses on demand: validated, queued, and used up.
 *
 * Owns the form of a fault and its assignment to requests; `response-writer.ts` puts it on the wire.
 */
import {
  ENDPOINT_NAMES,
  type EndpointName,
  type EndpointPattern,
  isEndpointPattern,
  matchesEndpoint,
} from "../endpoints.ts";
import { Refusal } from "./refusal.ts";

/** Before anything is sent, or after the headers and half of the body. */
type Moment = "before-headers" | "mid-body";

/**
 * Faults of a token: it has expired, it has no expiry, it is bound to another key than the caller's (auth service only), it is
 * anonymous although the request was signed (registry only), or it was issued earlier and has this many seconds left (sessions
 * with "a very short expiration": oracle/nosql-java-sdk#37, "less than 5 minutes": oracle/nosql-go-sdk#11).
 */
export type TokenFlaw = "expired" | "without-exp" | "foreign-key" | "anonymous" | number;

export interface Fault {
  /** The affected requests: one endpoint, a service (`metadata.*`), all (`*`), or a list of these. */
  readonly endpoint: EndpointPattern | readonly EndpointPattern[];
  /** Number of affected requests. Default: all until cleared. */
  readonly times?: number;
  /** Answer with this status and the service's form of error, without calling the service. */
  readonly status?: number;
  /** Delay of the response in milliseconds, or until the faults are cleared. It replaces the simulator's latency. */
  readonly latencyMs?: number;
  /** Stop sending there until the client closes or the faults are cleared. */
  readonly hang?: Moment;
  /** Reset the connection there. */
  readonly reset?: Moment;
  /** Announce the whole body, send half, close. */
  readonly truncate?: boolean;
  /** The body is a web server's error page. */
  readonly html?: boolean;
  /** The body is invalid JSON with the type of JSON. */
  readonly wrongJson?: boolean;
  /** The body is JSON of another form. */
  readonly wrongShape?: boolean;
  /** The body is this many MiB of valid JSON. */
  readonly bodyMiB?: number;
  /** `Retry-After`, in seconds. */
  readonly retryAfter?: number;
  /** The `Date` header is off by this many milliseconds. */
  readonly dateSkewMs?: number;
  /** Another `Content-Type`. */
  readonly contentType?: string;
  /** The whole service goes down: its connections end, and new ones are refused until the faults are cleared. */
  readonly refuse?: boolean;
  /** The leaf certificate and key are replaced just before this response. */
  readonly rotate?: boolean;
  /** An identity document that does not match the other two: another certificate, key or intermediate. */
  readonly mismatch?: boolean;
  readonly token?: TokenFlaw;
}

type Check = (value: unknown) => boolean;

const MAX_BODY_MIB = 256;
const EXPIRED_S = 60;
const MAX_LATENCY_MS = 3_600_000;

const TOKEN_FLAWS: readonly unknown[] = ["expired", "without-exp", "foreign-key", "anonymous"] satisfies TokenFlaw[];

const isFlag: Check = (value) => typeof value === "boolean";
const isMoment: Check = (value) => value === "before-headers" || value === "mid-body";
const isWhole =
  (from: number, to: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= from && Number(value) <= to;

const FIELDS: Readonly<Record<keyof Fault, { readonly check: Check; readonly wants: string }>> = {
  endpoint: {
    check: (value) =>
      Array.isArray(value) ? value.length > 0 && value.every(isEndpointPattern) : isEndpointPattern(value),
    wants: `one or a list of ${ENDPOINT_NAMES.join(", ")}, metadata.*, auth.*, cluster.*, domain.*, registry.*, *`,
  },
  times: { check: isWhole(1, 1_000_000), wants: "a whole number from 1" },
  status: { check: isWhole(200, 599), wants: "a status from 200 to 599" },
  latencyMs: { check: isWhole(0, MAX_LATENCY_MS), wants: `milliseconds up to ${MAX_LATENCY_MS}` },
  hang: { check: isMoment, wants: "before-headers or mid-body" },
  reset: { check: isMoment, wants: "before-headers or mid-body" },
  truncate: { check: isFlag, wants: "true or false" },
  html: { check: isFlag, wants: "true or false" },
  wrongJson: { check: isFlag, wants: "true or false" },
  wrongShape: { check: isFlag, wants: "true or false" },
  bodyMiB: { check: isWhole(1, MAX_BODY_MIB), wants: `MiB from 1 to ${MAX_BODY_MIB}` },
  retryAfter: { check: isWhole(0, 86_400), wants: "seconds up to 86400" },
  dateSkewMs: { check: isWhole(-1e12, 1e12), wants: "milliseconds" },
  contentType: { check: (value) => typeof value === "string" && /^[\x20-\x7e]+$/.test(value), wants: "printable text" },
  refuse: { check: isFlag, wants: "true or false" },
  rotate: { check: isFlag, wants: "true or false" },
  mismatch: { check: isFlag, wants: "true or false" },
  token: {
    check: (value) => TOKEN_FLAWS.includes(value) || isWhole(1, 86_400)(value),
    wants: `one of ${TOKEN_FLAWS.join(", ")}, or seconds up to 86400`,
  },
};

/** What is left of a token's life when it is issued, in seconds; negative for an expired one. */
export function secondsLeft(flaw: TokenFlaw | undefined, lifeS: number): number {
  if (flaw === "expired") return -EXPIRED_S;
  return typeof flaw === "number" ? flaw : lifeS;
}

/** @throws {Refusal} naming the field, for anything that is not a fault. */
export function parseFault(value: unknown): Fault {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal("InvalidParameter", "a fault is a JSON object");
  }
  for (const [name, given] of Object.entries(value)) {
    const field = Object.hasOwn(FIELDS, name) ? FIELDS[name as keyof Fault] : undefined;
    if (field === undefined) {
      throw new Refusal("InvalidParameter", `unknown field ${name}; known: ${Object.keys(FIELDS).join(", ")}`);
    }
    if (!field.check(given)) throw new Refusal("InvalidParameter", `${name} must be ${field.wants}`);
  }
  if (!("endpoint" in value)) throw new Refusal("InvalidParameter", `endpoint must be ${FIELDS.endpoint.wants}`);
  if (Object.keys(value).every((name) => name === "endpoint" || name === "times")) {
    throw new Refusal("InvalidParameter", "a fault needs something that goes wrong");
  }
  return value as Fault;
}

export interface FaultQueue {
  /** Adds them after the existing ones; if several affect a request, the oldest is used. */
  add(fault: Fault): void;
  /** Removes all faults, and releases hanging requests. */
  clear(): void;
  /** The fault for a request, used up once. */
  take(endpoint: EndpointName): Fault | undefined;
  /** Aborted by the next `clear`. */
  cleared(): AbortSignal;
}

export function createFaultQueue(): FaultQueue {
  let queue: { readonly fault: Fault; leftTimes: number }[] = [];
  let clearing = new AbortController();
  return {
    add: (fault) => void queue.push({ fault, leftTimes: fault.times ?? Number.POSITIVE_INFINITY }),
    clear() {
      queue = [];
      clearing.abort();
      clearing = new AbortController();
    },
    take(endpoint) {
      const found = queue.find(({ fault }) =>
        [fault.endpoint].flat().some((pattern) => matchesEndpoint(pattern, endpoint)),
      );
      if (found === undefined) return undefined;
      found.leftTimes -= 1;
      if (found.leftTimes <= 0) queue = queue.filter((queued) => queued !== found);
      return found.fault;
    },
    cleared: () => clearing.signal,
  };
}
