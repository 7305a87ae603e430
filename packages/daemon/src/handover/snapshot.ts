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
import type { RegionInfo } from "@ocir-broker/identity/region-info";
import * as z from "zod";

export interface Snapshot {
  /** The configured metadata and auth service; state from others may belong to another identity. */
  readonly source: string;
  /** Name of the identity provider. State of one provider is never used with another. */
  readonly provider: string;
  readonly region: Expiring<RegionInfo> | undefined;
  /** Encoded by the identity provider. */
  readonly session: Expiring<unknown> | undefined;
  readonly tokens: readonly SavedToken[];
}

interface SavedToken {
  readonly registryHost: string;
  /** The endpoint that issued it; the configuration may have changed since. */
  readonly endpoint: string;
  readonly entry: Expiring<Secret>;
}

/** One moment on two clocks. */
export interface Moment {
  readonly monotonicMs: number;
  /** Since boot, suspend included. */
  readonly bootMs: number;
}

type SnapshotError = "state-of-another-boot" | "state-not-valid";

export type DecodedSnapshot = { readonly state: Snapshot; readonly ageMs: number } | { readonly error: SnapshotError };

/** Increase it when a field changes its meaning; state of another version is not valid. */
const VERSION = 2;

/** The metadata service replaces a restored region within an hour. */
const REGION_LIFE_MS = 3_600_000;

const life = { obtainedAtBootMs: z.number(), expiresAtBootMs: z.number() };
type Life = Record<keyof typeof life, number>;

const record = z.object({
  version: z.literal(VERSION),
  bootMs: z.number(),
  source: z.string(),
  provider: z.string(),
  region: z.object({ id: z.string(), key: z.string(), realmKey: z.string(), realmDomain: z.string() }).optional(),
  session: z.object({ ...life, session: z.unknown() }).optional(),
  tokens: z.array(z.object({ ...life, registryHost: z.string(), endpoint: z.string(), token: z.string() })),
});

export function encodeSnapshot({ region, session, tokens, ...state }: Snapshot, now: Moment): Buffer {
  const toBootMs = now.bootMs - now.monotonicMs;
  const lifeOf = ({ obtainedAtMs, expiresAtMs }: Expiring<unknown>): Life => ({
    obtainedAtBootMs: obtainedAtMs + toBootMs,
    expiresAtBootMs: expiresAtMs + toBootMs,
  });
  const encoded: z.input<typeof record> = {
    ...state,
    version: VERSION,
    bootMs: now.bootMs,
    region: region?.value,
    session: session && { ...lifeOf(session), session: session.value },
    tokens: tokens.map(({ registryHost, endpoint, entry }) => ({
      ...lifeOf(entry),
      registryHost,
      endpoint,
      token: entry.value.reveal(),
    })),
  };
  return Buffer.from(JSON.stringify(encoded));
}

/** Omits expired values. The caller checks the session, and whether a host may still have a token. */
export function decodeSnapshot(payload: Buffer, now: Moment): DecodedSnapshot {
  const { data } = record.safeParse(parseJson(payload));
  if (data === undefined) return { error: "state-not-valid" };
  const ageMs = now.bootMs - data.bootMs;
  if (ageMs < 0) return { error: "state-of-another-boot" };

  // The boot clock may lag by one step, which would make an expiry appear one step later.
  const toMonotonicMs = now.monotonicMs - now.bootMs - BOOT_STEP_MS;
  function entryOf<V>({ obtainedAtBootMs, expiresAtBootMs }: Life, value: V): Expiring<V> | undefined {
    const [obtainedAtMs, expiresAtMs] = [obtainedAtBootMs + toMonotonicMs, expiresAtBootMs + toMonotonicMs];
    return expiresAtMs > now.monotonicMs ? { value, obtainedAtMs, expiresAtMs } : undefined;
  }

  const { source, provider, region, session, tokens } = data;
  return {
    state: {
      source,
      provider,
      region: region && {
        value: region,
        obtainedAtMs: now.monotonicMs,
        expiresAtMs: now.monotonicMs + REGION_LIFE_MS,
      },
      session: session && entryOf(session, session.session),
      tokens: tokens.flatMap(({ registryHost, endpoint, token, ...its }) => {
        const entry = entryOf(its, new Secret(token));
        return entry === undefined ? [] : [{ registryHost, endpoint, entry }];
      }),
    },
    ageMs,
  };
}
