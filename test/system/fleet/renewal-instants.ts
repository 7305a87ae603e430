/**
 * When the tokens of a fleet that started in one instant are renewed, under several policies: the policy alone, without
 * nodes, so that it is quick for 200 000 of them too.
 */
import { createHash } from "node:crypto";
import type { Random } from "@ocir-broker/foundation";
import { firstRenewAtMs, renewAtMs } from "@ocir-broker/token-cache";
import { expectedPeak, RequestSeries } from "./request-series.ts";
import { createSeededRandom } from "./seeded-random.ts";

const SEED = 1_789;
const LIFE_MS = 3_600_000;
const PERIOD_MS = LIFE_MS / 2;
const SUBNET_BITS = 14;

/** All first renewals are over at 60 % of the life; three hours from then on are looked at. */
const FROM_S = 36 * 60;
const UNTIL_S = FROM_S + 3 * 3_600;

export const POLICIES = {
  jitterOnly: "half ± 10 % from the first renewal on",
  spreadFirst: "**first one spread, then half ± 10 %** (ours)",
  hashedPhase: "a phase of its own for each node, from a hash of its name",
  addressPhase: "a phase of its own from the node's address, 10 000 of a subnet's 16 384, bits reversed",
  givenPhase: "phases handed out evenly by a coordinator",
} as const;
export type Policy = keyof typeof POLICIES;

export interface Evenness {
  readonly mean: number;
  readonly peakSecond: number;
  readonly peakMinute: number;
  /** What chance alone gives for the highest second. */
  readonly expectedPeakSecond: number;
}

export function evennessOf(policy: Policy, nodes: number): Evenness {
  const random = createSeededRandom(SEED);
  const renewals = new RequestSeries();
  const lifeFrom = (obtainedAtMs: number) => ({ obtainedAtMs, expiresAtMs: obtainedAtMs + LIFE_MS });
  const hasPhase = policy === "hashedPhase" || policy === "addressPhase" || policy === "givenPhase";
  const addresses = policy === "addressPhase" ? addressesOf(nodes, random) : [];

  function first(node: number): number {
    if (policy === "hashedPhase") return hashedShare(`ocid1.instance.oc1.iad.${node}`) * PERIOD_MS;
    if (policy === "addressPhase") return reversedShare(addresses[node] as number) * PERIOD_MS;
    if (policy === "givenPhase") return (node / nodes) * PERIOD_MS;
    return (policy === "spreadFirst" ? firstRenewAtMs : renewAtMs)(lifeFrom(0), random());
  }
  for (let node = 0; node < nodes; node++) {
    for (let atMs = first(node); atMs < UNTIL_S * 1_000; ) {
      renewals.add(atMs);
      atMs = hasPhase ? atMs + PERIOD_MS : renewAtMs(lifeFrom(atMs), random());
    }
  }
  const mean = renewals.mean(FROM_S, UNTIL_S);
  return {
    mean,
    peakSecond: renewals.peakSecond(FROM_S, UNTIL_S),
    peakMinute: renewals.peakMinute(FROM_S, UNTIL_S),
    expectedPeakSecond: expectedPeak(mean, UNTIL_S - FROM_S),
  };
}

/** As many of a subnet's, any of them. */
function addressesOf(nodes: number, random: Random): number[] {
  const all = Array.from({ length: 2 ** SUBNET_BITS }, (_, address) => ({ address, place: random() }));
  return all
    .sort((one, other) => one.place - other.place)
    .slice(0, nodes)
    .map(({ address }) => address);
}

/** Neighbours far apart, and any run of addresses spread evenly: van der Corput's sequence. */
function reversedShare(address: number): number {
  let share = 0;
  for (let bit = 0; bit < SUBNET_BITS; bit += 1) share += ((address >> bit) & 1) / 2 ** (bit + 1);
  return share;
}

function hashedShare(name: string): number {
  return createHash("sha256").update(name).digest().readUInt32BE() / 2 ** 32;
}
