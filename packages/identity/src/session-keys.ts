/**
 * The keys of service accounts' sessions. Sessions that begin within ten minutes share one key; otherwise a node that starts 50
 * service accounts at once would spend seconds of two cores on keys. All sessions are in this process anyway, and each has its own
 * token.
 */
import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { Clock } from "@ocir-broker/foundation/time/clock";

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const SHARED_FOR_MS = 600_000;

/** A key of the SDKs' size for a session. */
export function generateSessionKeys(): Promise<KeyPair> {
  return promisify(generateKeyPair)("rsa", { modulusLength: 2_048, publicExponent: 65_537 });
}

export function createSessionKeys(clock: Clock): () => Promise<KeyPair> {
  let latest: { readonly pair: Promise<KeyPair>; readonly madeAtMs: number } | undefined;
  return () => {
    const nowMs = clock.monotonicMs();
    if (latest === undefined || nowMs - latest.madeAtMs >= SHARED_FOR_MS)
      latest = { pair: generateSessionKeys(), madeAtMs: nowMs };
    return latest.pair;
  };
}
