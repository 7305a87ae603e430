/**
 * The identity domain's propagation trusts, one for an issuer: for whom its tokens are exchanged, and the service user that each
 * becomes (SCIM schema IdentityPropagationTrust, with allowImpersonation; "JSON Web Token to UPST exchange" on docs.oracle.com).
 */
import * as z from "zod";
import type { ServiceUser } from "../auth/session-tokens.ts";
import { parseAs } from "../http/received-request.ts";
import { notAuthenticated } from "../http/refusal.ts";
import { type Claims, decodeJwt } from "../jwt.ts";
import { type TokenIssuer, verifyIssuedToken } from "../token-issuer.ts";

/** Of Oracle's rules, those that name one value. */
const RULE = /^\w+ eq [^\s*]+$/;

const trustSchema = z.strictObject({
  /** Default: the simulated cluster. */
  issuer: z.string().optional(),
  /** Default: any. */
  audience: z.string().optional(),
  /** Confidential applications that may ask, by id with their secret. Without any, the nodes' dynamic group may. */
  oauthClients: z.record(z.string(), z.string()).default({}),
  /** The first whose rule matches, such as `sub eq system:serviceaccount:shop:puller`. */
  serviceUsers: z.array(z.strictObject({ rule: z.string().regex(RULE), name: z.string(), group: z.string() })),
});

export type PropagationTrust = Readonly<z.input<typeof trustSchema>>;

/** The caller of a token exchange: a confidential client, or an instance by its own session. */
export type Asker = { readonly clientId: string } | "instance";

/** @param issuers whose keys the domain can read; the first is the cluster */
export function createPropagationTrusts(cluster: TokenIssuer, ...others: readonly TokenIssuer[]) {
  const issuers = [cluster, ...others];
  const trusts = new Map<string, z.infer<typeof trustSchema>>();
  return {
    /** Replaces the issuer's trust. @throws {Refusal} InvalidParameter */
    add(added: PropagationTrust): void {
      const trust = parseAs(trustSchema, added);
      trusts.set(trust.issuer ?? cluster.issuer, trust);
    },
    clear: () => trusts.clear(),
    hasClient: (clientId: string, secret: string) =>
      [...trusts.values()].some(
        ({ oauthClients }) => Object.hasOwn(oauthClients, clientId) && oauthClients[clientId] === secret,
      ),
    /** @throws {Refusal} NotAuthenticated */
    exchange(token: string, asker: Asker, wallMs: number): { readonly user: ServiceUser; readonly endsAtS: number } {
      const name = decodeJwt(token)?.claims["iss"];
      const issuer = issuers.find((each) => each.issuer === name);
      const trust = trusts.get(String(name));
      if (issuer === undefined || trust === undefined) throw notAuthenticated("no trust for the token's issuer");
      const { audience, oauthClients, serviceUsers } = trust;
      if (asker === "instance" && Object.keys(oauthClients).length > 0)
        throw notAuthenticated("the trust is not for an instance");
      if (asker !== "instance" && !Object.hasOwn(oauthClients, asker.clientId))
        throw notAuthenticated("the trust is not for this client");
      const claims = verifyIssuedToken(token, { ...issuer, audience }, wallMs);
      const user = serviceUsers.find(({ rule }) => isMatch(rule, claims));
      if (user === undefined) throw notAuthenticated("the trust has no service user for the token");
      return { user, endsAtS: Number(claims["exp"]) };
    },
  };
}

function isMatch(rule: string, claims: Claims): boolean {
  const [claim = "", , wanted] = rule.split(" ");
  return [claims[claim]].flat().some((value) => value === wanted);
}
