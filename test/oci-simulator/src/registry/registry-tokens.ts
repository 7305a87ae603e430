/**
 * OCIR's tokens, JWTs for one registry host. An *identity token* (HS256) names its holder (or `anonymous`). A *registry token* is
 * issued for one, or for the repositories in a client's scope, in the form that every registry of the distribution project accepts
 * (ES256): it contains its holder's rights.
 */
import { createSecretKey, randomBytes, randomUUID } from "node:crypto";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { secondsLeft, type TokenFlaw } from "../http/faults.ts";
import { notAuthenticated } from "../http/refusal.ts";
import type { Action, Iam } from "../iam.ts";
import { type Claims, decodeJwt, isSigned, signJwt } from "../jwt.ts";
import type { TokenSigner } from "../token-signer.ts";

interface WantedToken {
  /** The requested scope; without one, the token is valid for everything that its holder may read. */
  readonly scopes: readonly string[];
  /** Whether the holder presented a token, and so gets a registry token for any scopes. */
  readonly isBasicAuth: boolean;
  readonly flaw?: TokenFlaw | undefined;
}

export const ANONYMOUS: Claims = { sub: "anonymous" };

/** The session's claims that a token contains. */
const CARRIED = [
  ...["sub", "tenant", "ptype", "opc-instance", "opc-compartment", "opc-tenant", "opc-tag", "access"],
  ...["namespace", "service_account", "cluster_id", "service_user_group"],
];

/** @param lifeMs life of a token, in milliseconds; one hour at Oracle. */
export function createRegistryTokens(clock: Clock, lifeMs: number, signer: TokenSigner, iam: Iam) {
  const secret = createSecretKey(randomBytes(32));
  /** Expiries, in epoch seconds, of tokens without one. */
  const untoldEnds = new Map<unknown, number>();
  return {
    /** A holder whose token is restricted to repositories gets none for others. */
    issue(service: string, holder: Claims, { scopes, isBasicAuth, flaw }: WantedToken) {
      const lifeS = Math.ceil(lifeMs / 1_000);
      const leftS = secondsLeft(flaw, lifeS);
      const issuedAtS = Math.floor(clock.wallMs() / 1_000) - lifeS + leftS;
      const endsAtS = issuedAtS + lifeS;
      const jti = randomUUID();
      if (flaw === "without-exp") untoldEnds.set(jti, endsAtS);
      const access = scopes.flatMap((scope) =>
        accessOf(scope, (repository) => allowedActions(repository, holder, iam)),
      );
      const claims = {
        ...Object.fromEntries(Object.entries(holder).filter(([name]) => CARRIED.includes(name))),
        iss: "ocir",
        aud: service,
        iat: issuedAtS,
        ...(flaw === "without-exp" ? {} : { exp: endsAtS }),
        jti,
        ...(scopes.length > 0 ? { access } : {}),
      };
      const token = isBasicAuth || scopes.length > 0 ? signer.sign(claims) : signJwt({ typ: "JWT" }, claims, secret);
      return { token, access_token: token, scope: scopes.join(" "), expires_in: Math.max(0, leftS) };
    },
    /** @throws {Refusal} NotAuthenticated for a token that is not ours, has expired, or is for another host. */
    open(token: string, host: string): Claims {
      const jwt = decodeJwt(token);
      if (jwt === undefined || !(isSigned(jwt, secret) || signer.isOurs(jwt)))
        throw notAuthenticated("the token is not ours");
      const endsAtS = jwt.claims["exp"] ?? untoldEnds.get(jwt.claims["jti"]);
      // Negated, so that a token without expiry is refused.
      const endsAtMs = Number(endsAtS) * 1_000;
      if (!(endsAtMs > clock.wallMs())) throw notAuthenticated(`the token has ended at ${isoOf(endsAtMs)}`);
      if (jwt.claims["aud"] !== host) throw notAuthenticated("the token is for another host");
      return jwt.claims;
    },
  };
}

function isoOf(ms: number): string {
  return Number.isNaN(ms) ? "no time" : new Date(ms).toISOString();
}

/** False if the token is for other repositories or actions. A token without actions there was requested for a pull. */
export function isInScope(claims: Claims, repository: string, action: Action): boolean {
  const actions = actionsInScope(claims, repository);
  const isInVain = action === "pull" && actions?.length === 0;
  return isInVain || actions === "all" || actions?.includes(action) === true;
}

/** The actions that the token allows in the repository; undefined if it is for others. */
function actionsInScope(claims: Claims, repository: string): readonly Action[] | "all" | undefined {
  const { access } = claims as { access?: ReturnType<typeof accessOf> };
  if (access === undefined) return "all";
  const found = access.filter(({ name }) => name === repository);
  return found.length === 0 ? undefined : found.flatMap(({ actions }) => actions);
}

/** Both IAM and the holder's token must allow an action; undefined if the token is for other repositories. */
function allowedActions(repository: string, holder: Claims, iam: Iam) {
  const inScope = actionsInScope(holder, repository);
  return inScope && iam.actions(repository, holder).filter((action) => inScope === "all" || inScope.includes(action));
}

/**
 * `repository:ns/repo:pull,push` → the permitted part of it. A refused pull leaves an entry without actions: such a token is for
 * that repository, so OCIR answers 403 there, not 401.
 */
function accessOf(scope: string, allowed: (repository: string) => readonly Action[] | undefined) {
  const [, name, asked] = /^repository:([^:]+(?::\d+)?):([a-z*,]+)$/.exec(scope) ?? [];
  if (name === undefined || asked === undefined) return [];
  const wanted = asked.split(",");
  const actions = allowed(name)?.filter((action) => wanted.includes(action) || wanted.includes("*"));
  if (actions === undefined) return [];
  const isForPulling = wanted.includes("pull") || wanted.includes("*");
  return actions.length > 0 || isForPulling ? [{ type: "repository", name, actions }] : [];
}
