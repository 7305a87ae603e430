/**
 * OCIR's tokens: HS256 JWTs for one registry host. An *identity token* carries who asked (or `anonymous`); a
 * *registry token* is made from one for the repositories that a client names in its scope.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { Clock } from "@ocir-broker/foundation";
import type { TokenFlaw } from "./faults.ts";
import { type Claims, decodeJwt, isHs256, signHs256 } from "./jwt.ts";
import { notAuthenticated } from "./refusal.ts";
import { EXPIRED_S } from "./session-tokens.ts";

interface IssuedToken {
  readonly token: string;
  readonly access_token: string;
  readonly scope: string;
  /** Seconds. */
  readonly expires_in: number;
}

export interface RegistryTokens {
  /** @param scopes what the client asked for; with none, the token is good for all that its holder may read. */
  issue(host: string, holder: Claims, scopes: readonly string[], flaw?: TokenFlaw): IssuedToken;
  /** @throws {Refusal} NotAuthenticated for a token that is not ours, has ended, or is for another host. */
  open(token: string, host: string): Claims;
}

export const ANONYMOUS: Claims = { sub: "anonymous" };

/** Which claims of a session a token carries on. */
const CARRIED = ["sub", "tenant", "ptype", "opc-instance", "opc-compartment", "opc-tenant", "opc-tag"];

/** @param lifeMs life of a token, in milliseconds; one hour at Oracle. */
export function createRegistryTokens(clock: Clock, lifeMs: number): RegistryTokens {
  const secret = randomBytes(32);
  /** Ends, in epoch seconds, of tokens that do not say theirs. */
  const untoldEnds = new Map<unknown, number>();
  return {
    issue(host, holder, scopes, flaw) {
      const lifeS = Math.ceil(lifeMs / 1_000);
      const issuedAtS = Math.floor(clock.wallMs() / 1_000) - (flaw === "expired" ? lifeS + EXPIRED_S : 0);
      const endsAtS = issuedAtS + lifeS;
      const jti = randomUUID();
      if (flaw === "without-exp") untoldEnds.set(jti, endsAtS);
      const access = scopes.flatMap(accessOf);
      const claims = {
        ...Object.fromEntries(Object.entries(holder).filter(([name]) => CARRIED.includes(name))),
        iss: "ocir",
        aud: host,
        iat: issuedAtS,
        ...(flaw === "without-exp" ? {} : { exp: endsAtS }),
        jti,
        ...(scopes.length > 0 ? { access } : {}),
      };
      const token = signHs256(claims, secret);
      const leftS = flaw === "expired" ? 0 : lifeS;
      return { token, access_token: token, scope: scopes.join(" "), expires_in: leftS };
    },
    open(token, host) {
      const jwt = decodeJwt(token);
      if (jwt === undefined || !isHs256(jwt, secret)) throw notAuthenticated("the token is not ours");
      const endsAtS = jwt.claims["exp"] ?? untoldEnds.get(jwt.claims["jti"]);
      // Negated, so that a token without an end is none.
      if (!(Number(endsAtS) * 1_000 > clock.wallMs())) throw notAuthenticated("the token has ended");
      if (jwt.claims["aud"] !== host) throw notAuthenticated("the token is for another host");
      return jwt.claims;
    },
  };
}

/** False where the token was made for other repositories. */
export function isInScope(claims: Claims, repository: string): boolean {
  const { access } = claims;
  return !Array.isArray(access) || access.some(({ name }) => name === repository);
}

/** `repository:ns/repo:pull,push` → the right to pull it, which is all that a node gets. */
function accessOf(scope: string): { type: string; name: string; actions: string[] }[] {
  const match = /^repository:([^:]+(?::\d+)?):([a-z*,]+)$/.exec(scope);
  if (match?.[1] === undefined || !/pull|\*/.test(match[2] ?? "")) return [];
  return [{ type: "repository", name: match[1], actions: ["pull"] }];
}
