/**
 * OCIR's tokens, JWTs for one registry host. An *identity token* (HS256) carries who asked (or `anonymous`); a *registry
 * token* is made from one, or for the repositories that a client names in its scope, in the form that every registry of
 * the distribution project takes (ES256): what its holder may do there is written in it.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { Clock } from "@ocir-broker/foundation";
import { EXPIRED_S } from "../auth/session-tokens.ts";
import type { TokenFlaw } from "../faults.ts";
import { notAuthenticated } from "../http/refusal.ts";
import type { Action, Iam } from "../iam.ts";
import { type Claims, decodeJwt, isHs256, signHs256 } from "../jwt.ts";
import type { TokenSigner } from "../token-signer.ts";

export interface RegistryTokensOptions {
  readonly clock: Clock;
  /** Life of a token, in milliseconds; one hour at Oracle. */
  readonly lifeMs: number;
  readonly signer: TokenSigner;
  readonly iam: Pick<Iam, "actions">;
}

interface IssuedToken {
  readonly token: string;
  readonly access_token: string;
  readonly scope: string;
  /** Seconds. */
  readonly expires_in: number;
}

interface WantedToken {
  /** The scope that the client asked for; with none, the token is good for all that its holder may read. */
  readonly scopes: readonly string[];
  /** Whether the holder showed a token, and gets a registry token for it whatever the scopes. */
  readonly isExchange: boolean;
  readonly flaw?: TokenFlaw | undefined;
}

export interface RegistryTokens {
  /** A holder whose own token is for some repositories gets one for no others. */
  issue(service: string, holder: Claims, wanted: WantedToken): IssuedToken;
  /** @throws {Refusal} NotAuthenticated for a token that is not ours, has ended, or is for another host. */
  open(token: string, host: string): Claims;
}

export const ANONYMOUS: Claims = { sub: "anonymous" };

/** Which claims of a session a token carries on. */
const CARRIED = ["sub", "tenant", "ptype", "opc-instance", "opc-compartment", "opc-tenant", "opc-tag", "access"];

export function createRegistryTokens({ clock, lifeMs, signer, iam }: RegistryTokensOptions): RegistryTokens {
  const secret = randomBytes(32);
  /** Ends, in epoch seconds, of tokens that do not say theirs. */
  const untoldEnds = new Map<unknown, number>();
  return {
    issue(service, holder, { scopes, isExchange, flaw }) {
      const lifeS = Math.ceil(lifeMs / 1_000);
      const issuedAtS = Math.floor(clock.wallMs() / 1_000) - (flaw === "expired" ? lifeS + EXPIRED_S : 0);
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
      const token = isExchange || scopes.length > 0 ? signer.sign(claims) : signHs256(claims, secret);
      const leftS = flaw === "expired" ? 0 : lifeS;
      return { token, access_token: token, scope: scopes.join(" "), expires_in: leftS };
    },
    open(token, host) {
      const jwt = decodeJwt(token);
      if (jwt === undefined || !(isHs256(jwt, secret) || signer.isOurs(jwt)))
        throw notAuthenticated("the token is not ours");
      const endsAtS = jwt.claims["exp"] ?? untoldEnds.get(jwt.claims["jti"]);
      // Negated, so that a token without an end is none.
      if (!(Number(endsAtS) * 1_000 > clock.wallMs())) throw notAuthenticated("the token has ended");
      if (jwt.claims["aud"] !== host) throw notAuthenticated("the token is for another host");
      return jwt.claims;
    },
  };
}

/** False where the token was made for other repositories or actions. One that allows nothing there was asked for pulling. */
export function isInScope(claims: Claims, repository: string, action: Action): boolean {
  const actions = actionsInScope(claims, repository);
  const isInVain = action === "pull" && actions?.length === 0;
  return isInVain || actions === "all" || actions?.includes(action) === true;
}

/** The actions that the token allows in the repository; undefined if it is for others. */
function actionsInScope(claims: Claims, repository: string): readonly Action[] | "all" | undefined {
  const { access } = claims as { access?: readonly Access[] };
  if (access === undefined) return "all";
  const found = access.filter(({ name }) => name === repository);
  return found.length === 0 ? undefined : found.flatMap(({ actions }) => actions);
}

/** Both IAM and the holder's own token must allow an action; undefined where the token is for other repositories. */
function allowedActions(repository: string, holder: Claims, iam: RegistryTokensOptions["iam"]) {
  const inScope = actionsInScope(holder, repository);
  return inScope && iam.actions(repository, holder).filter((action) => inScope === "all" || inScope.includes(action));
}

interface Access {
  readonly type: "repository";
  readonly name: string;
  readonly actions: readonly Action[];
}

/**
 * `repository:ns/repo:pull,push` → what of that the holder may do. Pulling that was asked for in vain leaves an entry
 * without actions: such a token is for that repository, and OCIR's answer there is 403, not 401.
 */
function accessOf(scope: string, allowed: (repository: string) => readonly Action[] | undefined): Access[] {
  const [, name, asked] = /^repository:([^:]+(?::\d+)?):([a-z*,]+)$/.exec(scope) ?? [];
  if (name === undefined || asked === undefined) return [];
  const wanted = asked.split(",");
  const actions = allowed(name)?.filter((action) => wanted.includes(action) || wanted.includes("*"));
  if (actions === undefined) return [];
  const isForPulling = wanted.includes("pull") || wanted.includes("*");
  return actions.length > 0 || isForPulling ? [{ type: "repository", name, actions }] : [];
}
