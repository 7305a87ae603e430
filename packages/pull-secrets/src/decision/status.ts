/** The status of a resource: one condition, so that kubectl wait, Flux and Argo CD understand it. */
import { describeFailure, type Failure, reasonOf } from "../objects/failure.ts";
import type { IssuedToken } from "../objects/issued-token.ts";
import type { Condition, PullSecret, PullSecretStatus } from "../objects/pull-secret.ts";
import type { KnownSecret } from "../objects/secret-content.ts";
import type { Gate } from "./progress.ts";

interface StatusFacts {
  readonly resource: PullSecret;
  readonly secret: KnownSecret | undefined;
  /** Undefined if no fetch is due. */
  readonly fetch: Gate | undefined;
  /** Undefined if the Secret is as it should be. */
  readonly apply: Gate | undefined;
  readonly refusal: Failure | undefined;
  readonly policy: string;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

/** A token was issued, which does not prove that it works: OCIR issues tokens without a policy too. */
export const ISSUED = "Issued";
const RENEWAL_FAILING = "RenewalFailing";
export const EXPIRED = "Expired";

/** Failures in a row before a resource with a live token shows them. */
const SHOWN_FAILURES = 3;

/** Undefined before the first fetch, when there is nothing to report. */
export function statusFrom(facts: StatusFacts): PullSecretStatus | undefined {
  const { resource, secret } = facts;
  const tokens = secret?.kind === "ours" ? secret.content.tokens : new Map<string, IssuedToken>();
  const ready = readyOf(facts, tokens);
  if (ready === undefined) return undefined;
  return statusWith(resource, ready, tokens, facts.nowMs);
}

function statusWith(
  resource: PullSecret,
  ready: Ready,
  tokens: ReadonlyMap<string, IssuedToken>,
  nowMs: number,
): PullSecretStatus {
  const before = resource.status?.conditions[0];
  const registries = [...tokens].map(([host, { expiresAtMs, fetchedAtMs }]) => ({
    host,
    expirationTime: rfc3339(expiresAtMs),
    fetchTime: rfc3339(fetchedAtMs),
  }));
  const expiries = [...tokens.values()].map(({ expiresAtMs }) => expiresAtMs);
  return {
    observedGeneration: resource.generation,
    conditions: [
      {
        type: "Ready",
        ...ready,
        observedGeneration: resource.generation,
        lastTransitionTime: before?.status === ready.status ? before.lastTransitionTime : rfc3339(nowMs),
      },
    ],
    ...(expiries.length > 0 && { expirationTime: rfc3339(Math.min(...expiries)) }),
    registries,
  };
}

type Ready = Pick<Condition, "status" | "reason" | "message">;

function readyOf(
  { resource, secret, fetch, apply, refusal, nowMs, policy }: StatusFacts,
  tokens: ReadonlyMap<string, IssuedToken>,
) {
  const failed = (failure: Failure, detail?: string): Ready => ({
    status: "False",
    reason: reasonOf(failure.code),
    message: describeFailure(failure, policy, detail),
  });
  if (refusal !== undefined) return failed(refusal);
  if (secret?.kind === "foreign") return failed({ code: "secret-conflict", place: resource.name }, secret.why);
  if (apply?.failure?.code === "secret-conflict") return failed(apply.failure);
  const failure = fetch?.failure ?? apply?.failure;
  const issued = resource.registries.map((host) => [host, tokens.get(host)] as const);
  if (issued.some(([, token]) => token === undefined)) return failure && failed(failure);

  const text = failure && describeFailure(failure, policy);
  const expired = issued.filter(([, token]) => token !== undefined && token.expiresAtMs <= nowMs);
  if (expired.length > 0)
    return {
      status: "False",
      reason: EXPIRED,
      message: [times(expired, "since"), text].filter(Boolean).join("; "),
    } as const;
  if (text !== undefined && Math.max(fetch?.failures ?? 0, apply?.failures ?? 0) >= SHOWN_FAILURES)
    return { status: "True", reason: RENEWAL_FAILING, message: `${times(issued, "until")}; ${text}` } as const;
  return { status: "True", reason: ISSUED, message: times(issued, "until") } as const;
}

function times(issued: readonly (readonly [string, IssuedToken | undefined])[], word: "since" | "until"): string {
  return issued.map(([host, token]) => `${host} ${word} ${rfc3339(token?.expiresAtMs ?? 0).slice(11)}`).join(", ");
}

function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
