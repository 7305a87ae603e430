/**
 * Reads a service-account token's claims (Kubernetes, KEP-1205), without verifying them: they prove nothing until Oracle has accepted the
 * token, or its signature was verified (issuer-keys.ts).
 */
import { parseJwt } from "@ocir-broker/foundation/parse-jwt";
import { Secret } from "@ocir-broker/foundation/secret";
import * as z from "zod";
import { TokenExchangeError } from "./token-exchange-error.ts";

export interface ServiceAccountClaims {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly namespace: string;
  readonly name: string;
  /** Changes when the service account is recreated. */
  readonly uid: string;
  /** In epoch milliseconds. */
  readonly expiresAtWallMs: number;
}

const text = z.string().min(1);

const claims = z.object({
  iss: text,
  aud: z.union([text.transform((audience) => [audience]), z.array(text).min(1)]),
  exp: z.number(),
  "kubernetes.io": z.object({ namespace: text, serviceaccount: z.object({ name: text, uid: text }) }),
});

/** @throws {TokenExchangeError} `service-account-token-unreadable` */
export function readServiceAccountClaims(token: Secret): ServiceAccountClaims {
  const { data } = claims.safeParse(parseJwt(token.reveal()).claims);
  if (data === undefined) throw new TokenExchangeError("service-account-token-unreadable", "service-account token");
  const { namespace, serviceaccount } = data["kubernetes.io"];
  return {
    issuer: data.iss,
    audiences: data.aud,
    namespace,
    name: serviceaccount.name,
    uid: serviceaccount.uid,
    expiresAtWallMs: data.exp * 1_000,
  };
}

/** @throws {TokenExchangeError} `service-account-token-unreadable` */
export function parseServiceAccountToken(text: string): Secret {
  const token = new Secret(text.trim());
  readServiceAccountClaims(token);
  return token;
}
