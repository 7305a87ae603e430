/**
 * Encodes and decodes the state that a killed daemon leaves to the next one: home region, session, tokens.
 *
 * Times are written as milliseconds since boot, because a process's monotonic clock means nothing to another process.
 * Rounding always shortens a value's life, never extends it.
 */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { Secret } from "@ocir-broker/foundation/secret";
import { BOOT_STEP_MS } from "@ocir-broker/foundation/time/clock";
import { MAX_BODY_BYTES } from "@ocir-broker/foundation/upstream";
import type { RegionInfo } from "@ocir-broker/identity/region-info";
import * as z from "zod";

export interface Snapshot {
  /** The configured metadata and auth service; state from others may belong to another identity. */
  readonly source: string;
  /** Name of the identity provider. State of one provider is never used with another. */
  readonly provider: string;
  /** The configuration in force; used only if the next process cannot read its file. */
  readonly config?: unknown;
  readonly region: Expiring<RegionInfo> | undefined;
  /** Encoded by the identity provider. */
  readonly session: Expiring<unknown> | undefined;
  /** The most recently requested first. */
  readonly tokens: readonly SavedToken[];
}

interface SavedToken {
  readonly registryHost: string;
  /** The endpoint that issued it; the configuration may have changed since. */
  readonly endpoint: string;
  readonly entry: Expiring<Secret>;
}

/** One moment on three clocks. */
export interface Moment {
  readonly monotonicMs: number;
  /** Since boot, suspend included. */
  readonly bootMs: number;
  readonly wallMs: number;
}

type SnapshotError = "state-of-another-boot" | "state-not-valid" | "state-version-unknown";

export type DecodedSnapshot =
  | {
      readonly state: Snapshot;
      readonly ageMs: number;
      /** Wall clock and boot clock disagree on the age: one of them was set or stopped. */
      readonly isAgeDoubtful: boolean;
    }
  | { readonly error: SnapshotError };

/** Increase it when a field changes its meaning; state of another version is ignored. */
const VERSION = 1;

/** 256 tokens have about 1 600, and the configuration counts too. A wrong value can take 1 KB of the daemon's heap of 28 MB. */
const MAX_VALUES = 5_000;

/** Far more than the clocks drift apart during a restart, and less than an NTP correction at boot. */
const DOUBT_MS = 60_000;

/** Of a session, which lives 20 minutes, and the region; longer lives in a file could outlive all that replaces them. */
const LONGEST_MS = 3_600_000;

/** As of a new token. */
const LONGEST_TOKEN_MS = 86_400_000;

const text = z.string().min(1).max(512);
const label = z.string().regex(/^[a-z0-9-]{1,63}$/);
/** In base64url, so that no header needs an escape. */
const token = z
  .string()
  .max(MAX_BODY_BYTES)
  .regex(/^[\w.=-]*$/);
const life = { obtainedAtBootMs: z.number(), expiresAtBootMs: z.number() };
type Life = Record<keyof typeof life, number>;

const record = z.object({
  version: z.literal(VERSION),
  bootMs: z.number(),
  wallMs: z.number(),
  source: z.string(),
  provider: text,
  config: z.unknown().optional(),
  region: z.object({ id: label, key: label, realmKey: label, realmDomain: text }).optional(),
  session: z.object({ ...life, session: z.unknown() }).optional(),
  tokens: z.array(z.object({ ...life, registryHost: text, endpoint: z.url().max(2_048), token })),
});

const versioned = z.object({ version: z.number() });

/** Leaves out the least recently requested tokens if not all fit into `maxBytes`. */
export function encodeSnapshot({ region, session, tokens, ...state }: Snapshot, now: Moment, maxBytes: number): Buffer {
  const toBootMs = now.bootMs - now.monotonicMs;
  const lifeOf = ({ obtainedAtMs, expiresAtMs }: Expiring<unknown>): Life => ({
    obtainedAtBootMs: obtainedAtMs + toBootMs,
    expiresAtBootMs: expiresAtMs + toBootMs,
  });
  const encoded: z.input<typeof record> = {
    ...state,
    version: VERSION,
    bootMs: now.bootMs,
    wallMs: now.wallMs,
    region: region?.value,
    session: session && { ...lifeOf(session), session: session.value },
    tokens: [],
  };
  let leftBytes = maxBytes - Buffer.byteLength(JSON.stringify(encoded));
  for (const { registryHost, endpoint, entry } of tokens) {
    const token = { ...lifeOf(entry), registryHost, endpoint, token: entry.value.reveal() };
    leftBytes -= Buffer.byteLength(JSON.stringify(token)) + ",".length;
    if (leftBytes < 0) break;
    encoded.tokens.push(token);
  }
  return Buffer.from(JSON.stringify(encoded));
}

/** Omits expired values. The caller checks the session, and whether a host may still have a token. */
export function decodeSnapshot(payload: Buffer, now: Moment): DecodedSnapshot {
  if (valuesIn(payload) > MAX_VALUES) return { error: "state-not-valid" };
  const value = parseJson(payload);
  const { data } = record.safeParse(value);
  if (data === undefined) {
    const version = versioned.safeParse(value).data?.version;
    return { error: version === undefined || version === VERSION ? "state-not-valid" : "state-version-unknown" };
  }
  const ageMs = now.bootMs - data.bootMs;
  if (ageMs < 0) return { error: "state-of-another-boot" };

  // The boot clock may lag by one step, which would make an expiry appear one step later.
  const toMonotonicMs = now.monotonicMs - now.bootMs - BOOT_STEP_MS;
  function entryOf<V>({ obtainedAtBootMs, expiresAtBootMs }: Life, value: V, longestMs: number) {
    const expiresAtMs = Math.min(expiresAtBootMs + toMonotonicMs, now.monotonicMs + longestMs);
    if (expiresAtMs <= now.monotonicMs) return undefined;
    return { value, obtainedAtMs: Math.min(obtainedAtBootMs + toMonotonicMs, now.monotonicMs), expiresAtMs };
  }

  const { source, provider, config, region, session, tokens } = data;
  return {
    state: {
      source,
      provider,
      config,
      region: region && entryOf({ obtainedAtBootMs: now.bootMs, expiresAtBootMs: Infinity }, region, LONGEST_MS),
      session: session && entryOf(session, session.session, LONGEST_MS),
      tokens: tokens.flatMap(({ registryHost, endpoint, token, ...its }) => {
        const entry = entryOf(its, new Secret(token), LONGEST_TOKEN_MS);
        return entry === undefined ? [] : [{ registryHost, endpoint, entry }];
      }),
    },
    ageMs,
    isAgeDoubtful: Math.abs(now.wallMs - data.wallMs - ageMs) > DOUBT_MS,
  };
}

/** Counts what precedes a value, `[`, `{` and `,`, also in texts. */
function valuesIn(payload: Buffer): number {
  return payload.reduce((count, byte) => count + Number(byte === 0x5b || byte === 0x7b || byte === 0x2c), 0);
}
