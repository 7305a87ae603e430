/** Decides the next action for a resource. Pure: the same facts give the same action; controller.ts carries it out. */
import { isDeepStrictEqual } from "node:util";
import type { Failure } from "../objects/failure.ts";
import { FORMATS } from "../objects/format.ts";
import { CONTROLLER_SUBJECT, type IssuedToken } from "../objects/issued-token.ts";
import { type PullSecret, type PullSecretStatus, serviceAccountOf } from "../objects/pull-secret.ts";
import type { KnownSecret, SecretContent } from "../objects/secret-content.ts";
import { type GateName, type Progress, progressFor } from "./progress.ts";
import { type Rules, refusalOf } from "./rules.ts";
import { statusFrom } from "./status.ts";

export type Action =
  /** Do nothing until this time, unless something changes. */
  | { readonly kind: "wait"; readonly untilMs: number }
  /** Fetch tokens for these registries; for all of the resource if its service account is not this subject any more. */
  | { readonly kind: "fetch"; readonly registries: readonly string[]; readonly subject: string }
  | { readonly kind: "apply"; readonly content: SecretContent }
  | { readonly kind: "report"; readonly status: PullSecretStatus };

/** A token is fetched earlier by this share of the time between fetch and renewal if another one is due. */
const SOON = 0.2;

const NO_TOKENS: ReadonlyMap<string, IssuedToken> = new Map();

/**
 * @param resource undefined if it does not exist; the garbage collector then deletes its Secret.
 * @param nowMs epoch milliseconds.
 */
export function decide(
  resource: PullSecret | undefined,
  secret: KnownSecret | undefined,
  nowMs: number,
  known: Progress | undefined,
  rules: Rules,
): Action {
  if (resource === undefined) return { kind: "wait", untilMs: Infinity };
  const progress = progressFor(resource, known);
  const refusal = refusalOf(resource, rules);
  const times: number[] = [];
  const isOpen = (name: GateName): boolean => {
    const { triedAtMs, notBeforeMs } = progress.gates[name];
    // Nothing was tried later than now, unless the wall clock was set back.
    if (notBeforeMs <= nowMs || triedAtMs > nowMs) return true;
    times.push(notBeforeMs);
    return false;
  };

  const held = secret?.kind === "ours" ? secret.content : undefined;
  const content = secret?.kind === "foreign" ? undefined : contentFor(resource, held, progress, refusal, rules);
  // Compares tokens by their times, because a Secret shows nothing.
  const isWritten = content === undefined || isDeepStrictEqual(content, held);
  const tokens = isOfSubject(held, resource, rules) ? held.tokens : NO_TOKENS;
  const dueAtMs = Math.min(...resource.registries.map((host) => tokens.get(host)?.renewAtMs ?? nowMs));
  if (!isWritten) {
    if (isOpen("apply")) return { kind: "apply", content };
  } else if (secret?.kind !== "foreign" && refusal === undefined) {
    times.push(dueAtMs);
    if (dueAtMs <= nowMs && isOpen("fetch")) {
      const registries = resource.registries.filter((host) => isSoonDue(tokens.get(host), nowMs));
      return { kind: "fetch", registries, subject: tokens === NO_TOKENS ? "" : (held?.subject ?? "") };
    }
  }

  // An apply whose response was lost has failed, and has written the Secret.
  const apply = isWritten ? undefined : progress.gates.apply;
  // The last fetch may have failed while the wall clock was wrong, so that it seemed to be due.
  const fetch = dueAtMs > nowMs ? undefined : progress.gates.fetch;
  const status = statusFrom({ resource, secret, fetch, apply, refusal, nowMs, policy: rules.policyOf(resource) });
  if (status !== undefined && !isDeepStrictEqual(status, resource.status) && isOpen("report"))
    return { kind: "report", status };
  // A token's expiry changes the status.
  for (const { expiresAtMs } of held?.tokens.values() ?? []) times.push(expiresAtMs);
  return { kind: "wait", untilMs: Math.min(...times.filter((time) => time > nowMs), Infinity) };
}

/** Tokens that are due soon are fetched together, so that one write to the API server is enough. */
function isSoonDue(token: IssuedToken | undefined, nowMs: number): boolean {
  if (token === undefined) return true;
  const { fetchedAtMs, renewAtMs } = token;
  return nowMs >= renewAtMs - SOON * (renewAtMs - fetchedAtMs);
}

/** What the Secret should contain; undefined if none should be written. */
function contentFor(
  resource: PullSecret,
  held: SecretContent | undefined,
  { answer, gates }: Progress,
  refusal: Failure | undefined,
  rules: Rules,
): SecretContent | undefined {
  const ownerUid = resource.uid;
  const isTakenBack =
    refusal?.code === "namespace-not-allowed" ||
    gates.fetch.failure?.code === "service-account-missing" ||
    // The controller's own tokens must leave each Secret once the identity is changed to service accounts.
    (rules.identity.kind === "service-account" && held?.subject === CONTROLLER_SUBJECT);
  if (isTakenBack) return held && { subject: "", ownerUid, tokens: NO_TOKENS, formats: [] };
  if (refusal !== undefined) return undefined;

  const fetched = answer?.tokens ?? NO_TOKENS;
  const subject = (fetched.size > 0 ? answer?.subject : undefined) ?? held?.subject ?? "";
  const kept = held?.subject === subject ? held.tokens : NO_TOKENS;
  const tokens = new Map<string, IssuedToken>();
  for (const host of resource.registries) {
    const token = fetched.get(host) ?? kept.get(host);
    if (token !== undefined) tokens.set(host, token);
  }
  // Always in the order of FORMATS, so that they can be compared. A format contains exactly one registry.
  const formats = tokens.size === 1 ? FORMATS.filter((format) => resource.formats.includes(format)) : [];
  return held === undefined && tokens.size === 0 ? undefined : { subject, ownerUid, tokens, formats };
}

/** Tokens of another service account stay in the Secret until they are replaced. */
function isOfSubject(
  held: SecretContent | undefined,
  resource: PullSecret,
  { identity }: Rules,
): held is SecretContent {
  if (identity.kind === "controller") return held?.subject === CONTROLLER_SUBJECT;
  return held?.subject.startsWith(`${serviceAccountOf(resource)}/`) ?? false;
}
