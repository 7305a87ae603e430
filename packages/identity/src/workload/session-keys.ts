/**
 * The keys of workload sessions. Sessions that begin within ten minutes share one key; otherwise a node that starts 50 service
 * accounts at once would spend seconds of two cores on keys. All sessions are in this process anyway, and each has its own token.
 */
import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { Clock } from "@ocir-broker/foundation";

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const SHARED_FOR_MS = 600_000;

/** The SDKs' size for a session's key. */
const SESSION_KEY = { modulusLength: 2_048, publicExponent: 65_537 };

const generateKeys = promisify(generateKeyPair);

export function createSessionKeys(clock: Clock): () => Promise<KeyPair> {
  let latest: { readonly pair: Promise<KeyPair>; readonly madeAtMs: number } | undefined;
  return () => {
    const nowMs = clock.monotonicMs();
    if (latest === undefined || nowMs - latest.madeAtMs >= SHARED_FOR_MS)
      latest = { pair: generateKeys("rsa", SESSION_KEY), madeAtMs: nowMs };
    return latest.pair;
  };
}
