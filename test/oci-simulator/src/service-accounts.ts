/**
 * The service-account tokens of the simulated cluster: issues them as an API server does for the kubelet, and verifies them as
 * its token review does, with the keys that `/openid/v1/jwks` publishes. Keys and issuer may be those of a real API server.
 */
import { generateKeyPair, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { notAuthenticated, Refusal } from "./http/refusal.ts";
import { type Claims, signJwt } from "./jwt.ts";
import { publishedKey, type TokenIssuer, verifyIssuedToken } from "./token-issuer.ts";

export interface ServiceAccountName {
  readonly namespace: string;
  readonly serviceAccount: string;
}

export interface WantedServiceAccountToken extends ServiceAccountName {
  /** The service account's UID. Default: the same for the same name, as if it was created once. */
  readonly uid?: string;
  /** `null` for a token that is bound to no pod, as those of Oracle's own controllers. Default: bound to a new one. */
  readonly pod?: null;
  /** Default: the API server's own. */
  readonly audience?: string;
  /** Default: the API server. Oracle refuses another one. */
  readonly issuer?: string;
  /** Default one hour, the kubelet's. */
  readonly lifeMs?: number;
}

export interface ServiceAccountIssuer extends TokenIssuer {
  readonly audience: string;
}

/** Kubernetes' own default. */
const DEFAULT_ISSUER = "https://kubernetes.default.svc.cluster.local";

const HOUR_MS = 3_600_000;

export async function createServiceAccounts(clock: Clock, real?: ServiceAccountIssuer) {
  const own = real === undefined ? await promisify(generateKeyPair)("rsa", { modulusLength: 2_048 }) : undefined;
  const known: ServiceAccountIssuer = real ?? {
    issuer: DEFAULT_ISSUER,
    audience: DEFAULT_ISSUER,
    keys: { keys: [publishedKey(own?.publicKey, "simulated-cluster")] },
  };
  return {
    ...known,
    /** @throws {Refusal} if the issuer is a real API server, whose private key is not here. */
    async issue(wanted: WantedServiceAccountToken): Promise<string> {
      const { namespace, serviceAccount, uid, pod = randomUUID(), lifeMs = HOUR_MS } = wanted;
      if (own === undefined) throw new Refusal("InvalidParameter", "the issuer's private key is not here");
      const nowS = Math.floor(clock.wallMs() / 1_000);
      const bound = {
        namespace,
        ...(pod === null ? {} : { pod: { name: `pod-${pod}`, uid: pod } }),
        serviceaccount: { name: serviceAccount, uid: uid ?? `${namespace}/${serviceAccount}` },
      };
      const claims = {
        aud: [wanted.audience ?? known.audience],
        exp: nowS + Math.ceil(lifeMs / 1_000),
        iat: nowS,
        iss: wanted.issuer ?? known.issuer,
        jti: randomUUID(),
        "kubernetes.io": bound,
        nbf: nowS,
        sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
      };
      return signJwt({ kid: known.keys.keys[0]?.kid }, claims, own.privateKey);
    },
    /** @throws {Refusal} NotAuthenticated */
    review(token: string): ServiceAccountName {
      const { "kubernetes.io": bound = {} } = verifyIssuedToken(token, known, clock.wallMs());
      const { namespace, serviceaccount } = bound as Record<string, Claims | undefined>;
      if (typeof namespace !== "string" || serviceaccount === undefined) throw notAuthenticated("no service account");
      return { namespace, serviceAccount: String(serviceaccount["name"]) };
    },
  };
}
