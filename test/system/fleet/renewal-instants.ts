/**
 * When the tokens of a fleet that started in one instant are renewed, under several policies: the policy alone, without
 * nodes, so that it is quick for 200 000 of them too.
 */
import { createHash } from "node:crypto";
import { firstRenewAtMs, renewAtMs } from "@ocir-broker/token-cache";
import { expectedPeak, RequestSeries } from "./request-series.ts";
import { createSeededRandom } from "./seeded-random.ts";

const SEED = 1_789;
const LIFE_MS = 3_600_000;
const PERIOD_MS = LIFE_MS / 2;

/** All first renewals are over at 60 % of the life; three hours from then on are looked at. */
const FROM_S = 36 * 60;
const UNTIL_S = FROM_S + 3 * 3_600;

export const POLICIES = {
  jitterOnly: "half ± 10 % from the first renewal on",
  spreadFirst: "**first one spread, then half ± 10 %** (ours)",
  hashedPhase: "a phase of its own for each node, from a hash of its name",
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
  const hasPhase = policy === "hashedPhase" || policy === "givenPhase";

  function first(node: number): number {
    if (policy === "hashedPhase") return hashedShare(`ocid1.instance.oc1.iad.${node}`) * PERIOD_MS;
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

function hashedShare(name: string): number {
  return createHash("sha256").update(name).digest().readUInt32BE() / 2 ** 32;
}
