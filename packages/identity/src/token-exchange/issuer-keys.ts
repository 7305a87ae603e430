/**
 * Verifies signatures of service-account tokens with the API server's published keys (`/openid/v1/jwks`), so that the claims of a
 * token that Oracle has not seen may select a cached response.
 *
 * The keys are read with a pod's own token: Kubernetes lets every service account read them, but no anonymous user (ClusterRole
 * system:service-account-issuer-discovery). TLS with the cluster's authority authenticates them.
 */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { parseJwt } from "@ocir-broker/foundation/parse-jwt";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { SendRequest } from "@ocir-broker/foundation/upstream";
import * as z from "zod";

export type IssuerKeys = ReturnType<typeof createIssuerKeys>;

export interface IssuerKeysOptions {
  readonly clock: Clock;
  /** Trusts the cluster's authority only. */
  readonly send: SendRequest;
  readonly apiServer: () => URL;
}

/** A key that the API server no longer publishes is trusted no longer than this. */
const KEYS_LIFE_MS = 600_000;

/** Limits the reads that tokens with invented key ids can cause, and those of an API server that has no keys to give. */
const READ_INTERVAL_MS = 30_000;

/** The API server refused the token with which the keys were read, such as that of a deleted pod: the next pod's token may do. */
const REFUSED_INTERVAL_MS = 1_000;

/** The algorithms that an API server signs with (`--service-account-signing-key-file`). */
const HASHES: Readonly<Record<string, { readonly hash: string; readonly keyType: "rsa" | "ec" }>> = {
  RS256: { hash: "sha256", keyType: "rsa" },
  ES256: { hash: "sha256", keyType: "ec" },
  ES384: { hash: "sha384", keyType: "ec" },
  ES512: { hash: "sha512", keyType: "ec" },
};

const header = z.object({ alg: z.string(), kid: z.string() });
const keySet = z.object({ keys: z.array(z.looseObject({ kid: z.string() })).max(64) });

type Keys = ReadonlyMap<string, KeyObject>;

export function createIssuerKeys({ clock, send, apiServer }: IssuerKeysOptions) {
  let known: { readonly keys: Keys; readonly readAtMs: number } = {
    keys: new Map(),
    readAtMs: -Infinity,
  };
  let reading = Promise.resolve();
  let nextReadAtMs = -Infinity;

  async function read(token: Secret, signal: AbortSignal): Promise<void> {
    const readAtMs = clock.monotonicMs();
    nextReadAtMs = readAtMs + READ_INTERVAL_MS;
    try {
      const url = new URL("/openid/v1/jwks", apiServer());
      const headers = {
        authorization: `Bearer ${token.reveal()}`,
        accept: "application/jwk-set+json, application/json",
      };
      const response = await send({ method: "GET", url, headers, signal });
      if (response.status === 200) known = { keys: keysIn(response.body), readAtMs };
      if (response.status === 401) nextReadAtMs = readAtMs + REFUSED_INTERVAL_MS;
    } catch {
      // Without keys each token is exchanged by itself.
    }
  }

  function keyOf(kid: string): KeyObject | undefined {
    return clock.monotonicMs() - known.readAtMs < KEYS_LIFE_MS ? known.keys.get(kid) : undefined;
  }

  async function findKey(kid: string, token: Secret, signal: AbortSignal): Promise<KeyObject | undefined> {
    const found = keyOf(kid);
    if (found !== undefined) return found;
    if (clock.monotonicMs() >= nextReadAtMs) reading = read(token, signal);
    await reading;
    return keyOf(kid);
  }

  return {
    /** Also false if the keys cannot be read. This is not an error, because Oracle then judges each token. */
    async isSigned(token: Secret, signal: AbortSignal): Promise<boolean> {
      const jwt = token.reveal();
      const { data } = header.safeParse(parseJwt(jwt).header);
      const algorithm = data !== undefined && Object.hasOwn(HASHES, data.alg) ? HASHES[data.alg] : undefined;
      if (data === undefined || algorithm === undefined) return false;
      const key = await findKey(data.kid, token, signal);
      if (key?.asymmetricKeyType !== algorithm.keyType) return false;
      const end = jwt.lastIndexOf(".");
      const signature = Buffer.from(jwt.slice(end + 1), "base64url");
      return verify(algorithm.hash, Buffer.from(jwt.slice(0, end)), { key, dsaEncoding: "ieee-p1363" }, signature);
    },
  };
}

/** Skips keys that cannot be read. */
function keysIn(body: Buffer): Keys {
  const { data } = keySet.safeParse(parseJson(body));
  const keys = new Map<string, KeyObject>();
  for (const jwk of data?.keys ?? []) {
    try {
      keys.set(jwk.kid, createPublicKey({ key: jwk as object, format: "jwk" }));
    } catch {}
  }
  return keys;
}
