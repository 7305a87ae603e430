/**
 * What a killed daemon leaves to the next one, as bytes and back: home region, session, tokens.
 *
 * A process's monotonic clock means nothing to another process, so times are written as milliseconds since boot. All
 * rounding is against us: a value never gets longer to live by being remembered.
 */
import { BOOT_STEP_MS, type Expiring, parseJson, Secret } from "@ocir-broker/foundation";
import type { RegionInfo } from "@ocir-broker/identity";
import * as z from "zod";

export interface Snapshot {
  /** Which metadata and auth service the identity is from; another configuration makes it another node's. */
  readonly source: string;
  /** Name of the identity provider. What one provider obtained is never used with another. */
  readonly provider: string;
  /** In force; used only if the next process cannot read its own. Release 0.1.0 did not keep it. */
  readonly config?: unknown;
  readonly region: RegionInfo | undefined;
  /** As the provider encodes it. */
  readonly session: Expiring<unknown> | undefined;
  readonly tokens: readonly SavedToken[];
}

interface SavedToken {
  readonly registryHost: string;
  /** Who gave it; the registry host may be reached elsewhere by now. */
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

type SnapshotFault = "state-of-another-boot" | "state-not-valid" | "state-version-unknown";

export type DecodedSnapshot =
  | {
      readonly state: Snapshot;
      readonly ageMs: number;
      /** Wall clock and boot clock disagree on the age: somebody set the one, or something stopped the other. */
      readonly isAgeDoubtful: boolean;
    }
  | { readonly fault: SnapshotFault };

/** Raised by whoever changes what a field means; another version's state is ignored, not guessed at. */
const VERSION = 1;

/** Far more than clocks drift apart while a daemon restarts; an NTP correction at boot is more still. */
const DOUBT_MS = 60_000;

const text = z.string().min(1).max(512);
const life = { obtainedAtBootMs: z.number(), expiresAtBootMs: z.number() };

const record = z.object({
  version: z.literal(VERSION),
  bootMs: z.number(),
  wallMs: z.number(),
  source: z.string(),
  // Release 0.1.0 had one provider and did not name it.
  provider: text.default("instance-principal"),
  config: z.unknown().optional(),
  region: z.object({ id: text, key: text, realmKey: text, realmDomain: text }).optional(),
  session: z.object({ ...life, session: z.unknown() }).optional(),
  tokens: z.array(
    z.object({ ...life, registryHost: text, endpoint: z.url().max(2_048), token: z.string().max(65_536) }),
  ),
});

const versioned = z.object({ version: z.number() });

export function encodeSnapshot(state: Snapshot, now: Moment): Buffer {
  const toBootMs = now.bootMs - now.monotonicMs;
  const lifeOf = ({ obtainedAtMs, expiresAtMs }: Expiring<unknown>) => ({
    obtainedAtBootMs: obtainedAtMs + toBootMs,
    expiresAtBootMs: expiresAtMs + toBootMs,
  });
  const { source, provider, config, region, session, tokens } = state;
  const encoded: z.input<typeof record> = {
    version: VERSION,
    bootMs: now.bootMs,
    wallMs: now.wallMs,
    source,
    provider,
    config,
    region,
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

/** Leaves out expired values. The caller checks the session, and whether a host may still have a token. */
export function decodeSnapshot(payload: Buffer, now: Moment): DecodedSnapshot {
  const value = parseJson(payload.toString("utf8"));
  const { data } = record.safeParse(value);
  if (data === undefined) {
    const version = versioned.safeParse(value).data?.version;
    return { fault: version === undefined || version === VERSION ? "state-not-valid" : "state-version-unknown" };
  }
  const ageMs = now.bootMs - data.bootMs;
  if (ageMs < 0) return { fault: "state-of-another-boot" };

  // The boot clock may be a step behind the truth, which would make an end seem a step further away.
  const toMonotonicMs = now.monotonicMs - now.bootMs - BOOT_STEP_MS;
  function entryOf<V>({ obtainedAtBootMs, expiresAtBootMs }: Life, value: V | undefined): Expiring<V> | undefined {
    const expiresAtMs = expiresAtBootMs + toMonotonicMs;
    if (value === undefined || expiresAtMs <= now.monotonicMs) return undefined;
    return { value, obtainedAtMs: obtainedAtBootMs + toMonotonicMs, expiresAtMs };
  }

  const { source, provider, config, region, session, tokens } = data;
  return {
    state: {
      source,
      provider,
      config,
      region,
      session: session && entryOf(session, session.session),
      tokens: tokens.flatMap(({ registryHost, endpoint, token, ...its }) => {
        const entry = entryOf(its, new Secret(token));
        return entry === undefined ? [] : [{ registryHost, endpoint, entry }];
      }),
    },
    ageMs,
    isAgeDoubtful: Math.abs(now.wallMs - data.wallMs - ageMs) > DOUBT_MS,
  };
}

interface Life {
  readonly obtainedAtBootMs: number;
  readonly expiresAtBootMs: number;
}
