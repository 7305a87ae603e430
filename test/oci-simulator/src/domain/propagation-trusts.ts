/**
 * The identity domain's propagation trust for the simulated cluster's issuer: for whom its tokens are exchanged, and the service user
 * that each subject becomes (SCIM schema IdentityPropagationTrust, with allowImpersonation).
 */
import type { ServiceUser } from "../auth/session-tokens.ts";
import { notAuthenticated } from "../http/refusal.ts";
import { type ServiceAccountIssuer, verifyIssuedToken } from "../service-accounts.ts";

export interface PropagationTrust {
  readonly audience: string;
  /** Confidential applications that may ask, by id with their secret. Without any, the nodes' dynamic group may. */
  readonly oauthClients?: Readonly<Record<string, string>>;
  /** By the token's `sub`, such as `system:serviceaccount:shop:puller`. */
  readonly serviceUsers: Readonly<Record<string, ServiceUser>>;
}

/** The caller of a token exchange: a confidential client that the trust has, or an instance by its own session. */
export type Asker = "client" | "instance";

export function createPropagationTrusts(cluster: ServiceAccountIssuer) {
  let trust: PropagationTrust | undefined;
  return {
    /** Replaces the trust: there is one for an issuer. */
    add(added: PropagationTrust): void {
      trust = added;
    },
    clear(): void {
      trust = undefined;
    },
    hasClient(clientId: string, secret: string): boolean {
      const clients = trust?.oauthClients ?? {};
      return Object.hasOwn(clients, clientId) && clients[clientId] === secret;
    },
    /** @throws {Refusal} NotAuthenticated */
    exchange(token: string, asker: Asker, wallMs: number): { readonly user: ServiceUser; readonly endsAtS: number } {
      if (trust === undefined) throw notAuthenticated("no trust for the token's issuer");
      const { audience, oauthClients = {}, serviceUsers } = trust;
      if (asker === "instance" && Object.keys(oauthClients).length > 0)
        throw notAuthenticated("the trust is not for an instance");
      const { sub, exp } = verifyIssuedToken(token, { ...cluster, audience }, wallMs);
      const user = Object.hasOwn(serviceUsers, String(sub)) ? serviceUsers[String(sub)] : undefined;
      if (user === undefined) throw notAuthenticated("the trust has no service user for the token's subject");
      return { user, endsAtS: Number(exp) };
    },
  };
}
