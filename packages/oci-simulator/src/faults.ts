/**
 * Faults on demand: what can go wrong with an answer, checked when it is asked for, queued, and used up.
 *
 * Owns the shape of a fault and which request meets which; how it looks on the wire is written in `answer-writer.ts`.
 */
import {
  ENDPOINT_NAMES,
  type EndpointName,
  type EndpointPattern,
  isEndpointPattern,
  matchesEndpoint,
} from "./endpoints.ts";
import { Refusal } from "./http/refusal.ts";

/** Before anything is sent, or after the headers and half of the body. */
export type Moment = "before-headers" | "mid-body";

/**
 * Faults of a token: its end has passed, it names no end, it is bound to a key that is not the caller's
 * (auth service only), or it is nobody's although the request was signed (registry only).
 */
export type TokenFlaw = "expired" | "without-exp" | "foreign-key" | "anonymous";

export interface Fault {
  /** Which requests it meets: one endpoint, a service (`metadata.*`), all (`*`), or a list of these. */
  readonly endpoint: EndpointPattern | readonly EndpointPattern[];
  /** How many requests; without it, all until cleared. */
  readonly times?: number;
  /** Answer with this status and the service's own form of error, in place of the work. */
  readonly status?: number;
  /** Wait before answering, in milliseconds, in place of the simulator's own latency. */
  readonly latencyMs?: number;
  /** Stop there and say nothing more until the client goes or the faults are cleared. */
  readonly hang?: Moment;
  /** Reset the connection there. */
  readonly reset?: Moment;
  /** Promise the whole body, send half, close. */
  readonly truncate?: boolean;
  /** The body is a web server's error page. */
  readonly html?: boolean;
  /** The body says it is JSON and is not. */
  readonly wrongJson?: boolean;
  /** The body is JSON, but not the JSON that was asked for. */
  readonly wrongShape?: boolean;
  /** The body is this many MiB of valid JSON. */
  readonly bodyMiB?: number;
  /** `Retry-After`, in seconds or as an HTTP date. */
  readonly retryAfter?: number | string;
  /** The `Date` header is off by this many milliseconds. */
  readonly dateSkewMs?: number;
  /** Another `Content-Type`. */
  readonly contentType?: string;
  /** The whole service goes: its connections end, and further ones are refused until the faults are cleared. */
  readonly refuse?: boolean;
  /** A new leaf certificate and key come just before this answer. */
  readonly rotate?: boolean;
  /** An identity document that does not fit the other two: another certificate, another key, another intermediate. */
  readonly mismatch?: boolean;
  readonly token?: TokenFlaw;
}

type Check = (value: unknown) => boolean;

const MAX_BODY_MIB = 256;
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
    wants: `one or a list of ${ENDPOINT_NAMES.join(", ")}, metadata.*, auth.*, registry.*, *`,
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
  retryAfter: {
    check: (value) => isWhole(0, 86_400)(value) || (typeof value === "string" && !Number.isNaN(Date.parse(value))),
    wants: "seconds up to 86400, or an HTTP date",
  },
  dateSkewMs: { check: isWhole(-1e12, 1e12), wants: "milliseconds" },
  contentType: { check: (value) => typeof value === "string" && /^[\x20-\x7e]+$/.test(value), wants: "printable text" },
  refuse: { check: isFlag, wants: "true or false" },
  rotate: { check: isFlag, wants: "true or false" },
  mismatch: { check: isFlag, wants: "true or false" },
  token: { check: (value) => TOKEN_FLAWS.includes(value), wants: `one of ${TOKEN_FLAWS.join(", ")}` },
};

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
  /** Behind those already there: of several that meet a request, the oldest is taken. */
  add(fault: Fault): void;
  /** Forgets all, and lets go of the requests that hang. */
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
