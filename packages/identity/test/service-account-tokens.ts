/** For tests: a token as an API server issues it, of chosen claims, key and header, and what answers it. */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { Secret } from "@ocir-broker/foundation/secret";
import type { UpstreamRequest, UpstreamResponse } from "@ocir-broker/foundation/upstream";
import { expect, vi } from "vitest";

export const issuerKeys = generateKeyPairSync("rsa", { modulusLength: 2_048 });

const IN_AN_HOUR_S = 3_600;

export const CLAIMS = {
  iss: "https://kubernetes.default.svc.cluster.local",
  aud: ["https://kubernetes.default.svc.cluster.local"],
  exp: IN_AN_HOUR_S,
  "kubernetes.io": {
    namespace: "shop",
    serviceaccount: { name: "puller", uid: "1-2-3" },
    pod: { name: "p", uid: "4" },
  },
};

const HEADER: object = { alg: "RS256", kid: "one" };

export function tokenOf(
  claims: object = CLAIMS,
  { header = HEADER, key = issuerKeys.privateKey, hash = "sha256" } = {},
): Secret {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part(header)}.${part(claims)}`;
  const signature = sign(hash, Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
  return new Secret(`${text}.${signature.toString("base64url")}`);
}

/** A token exchange's response to a request with this public key. */
export type Respond = (publicKey: KeyObject) => Partial<UpstreamResponse> & { readonly text?: string };

export function createSend(respond: Respond, publicKeyIn: (body: string) => KeyObject) {
  return vi.fn(async ({ body = "" }: UpstreamRequest): Promise<UpstreamResponse> => {
    const { text = "", ...rest } = respond(publicKeyIn(body));
    return { status: 200, headers: {}, body: Buffer.from(text), sentAtMs: 5, serverDateMs: undefined, ...rest };
  });
}

/** A session's claims, for an hour; bound to the key, if there is one. */
export const sessionClaims = (key?: KeyObject) => ({
  iat: 0,
  exp: 3_600,
  tenant: "ocid1.tenancy",
  ...(key && { jwk: JSON.stringify(key.export({ format: "jwk" })) }),
});

/** What an identity provider returns that exchanges a token for a session with {@link sessionClaims}, in the region of Ashburn. */
export const EXCHANGED = {
  parts: {
    keyId: expect.stringMatching(/^ST\$/),
    privateKeyPem: expect.any(String),
    lifeMs: expect.any(Number),
  },
  regionKey: "iad",
};
