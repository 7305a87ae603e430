/**
 * Random pulls of 300 service accounts for two audiences each, with genuine tokens and with hostile ones that copy another's claims, with and without the
 * annotation that opts in, at several registry hosts, with the cluster's keys in reach and out of it, over hours: no response ever
 * has a token of another subject, or the node's for one that did not choose it.
 */
import { generateKeyPairSync } from "node:crypto";
import { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { UpstreamRequest } from "@ocir-broker/foundation/upstream";
import { TokenExchangeError } from "@ocir-broker/identity/token-exchange/token-exchange-error";
import { expect, it } from "vitest";
import { createPullTokens } from "../../../packages/credentials/src/service-accounts/pull-tokens.ts";
import { createServiceAccountCache } from "../../../packages/credentials/src/service-accounts/service-account-cache.ts";
import { BrokerError } from "../../../packages/errors/src/broker-error.ts";
import { createRandom } from "../../kubelet-oracle/random.ts";
import { isLongRun } from "../long-run.ts";

const REQUESTS = isLongRun ? 1_000_000 : 20_000;
const SEED = 20_261_125;
const AT_ONCE = 50;
const HOUR_MS = 3_600_000;
const HOSTS = ["iad.ocir.io", "fra.ocir.io", "ocir.us-ashburn-1.oci.oraclecloud.com"];

/** Names whose parts run into each other if a key merely joins them. */
const NAMES = ["a", "b", "a:b", "b:c", 'a","b', "c", "a/b", "constructor", "__proto__", "A"];
const UIDS = ["1", "2", "1:2"];
const AUDIENCES = ["https://cluster.test", "oci"];

const ANNOTATION = "ocir-broker/identity";
const OPTED_IN = { [ANNOTATION]: "service-account" };
/** In opt-in mode, all but the first mean the node's identity, or none. */
const ANNOTATIONS: readonly Readonly<Record<string, string>>[] = [
  OPTED_IN,
  {},
  { [ANNOTATION]: "node" },
  { [ANNOTATION]: "service-account " },
  { "OCIR-BROKER/identity": "service-account", constructor: "service-account" },
];
const NODE = "node";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });

const SUBJECTS = NAMES.flatMap((namespace) =>
  NAMES.flatMap((name) => UIDS.flatMap((uid) => AUDIENCES.map((audience) => ({ namespace, name, uid, audience })))),
);

type Subject = (typeof SUBJECTS)[number];

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** The cluster and Oracle: what is genuine is known by the whole token, not by its claims. */
function createCloud(wallMs: () => number) {
  const genuine = new Map<string, string>();
  const counts = { exchanges: 0 };
  let areKeysInReach = true;
  let issued = 0;

  function claimsOf({ namespace, name, uid, audience }: Subject): object {
    const exp = Math.floor(wallMs() / 1_000) + 3_600;
    const bound = { namespace, serviceaccount: { name, uid }, pod: { name: `pod-${issued}`, uid: String(issued) } };
    return { iss: "https://cluster.test", aud: [audience], exp, jti: issued++, "kubernetes.io": bound };
  }

  return {
    counts,
    toggleKeys: () => {
      areKeysInReach = !areKeysInReach;
    },
    issue(subject: Subject): string {
      const token = `${part({ alg: "RS256", kid: "one" })}.${part(claimsOf(subject))}.s${issued}`;
      genuine.set(token, JSON.stringify(subject));
      return token;
    },
    /** Another's claims, with what a forger can vary. */
    forge(victim: Subject, seen: string, kind: number): string {
      const [header, claims] = seen.split(".");
      if (kind === 0) return `${header}.${claims}.forged`;
      if (kind === 1) return `${part({ alg: "none" })}.${claims}.x`;
      const own = { ...claimsOf(victim), ...(kind === 2 ? { sub: victim } : { aud: victim.audience }) };
      return `${header}.${part(own)}.s${issued}`;
    },
    keys: { isSigned: async (token: Secret) => areKeysInReach && genuine.has(token.reveal()) },
    exchange: {
      async exchange(token: Secret) {
        counts.exchanges++;
        const subject = genuine.get(token.reveal());
        if (subject === undefined) throw new TokenExchangeError("cluster-token-refused", "cluster.test");
        const keyId = new Secret(`ST$${part({ subject })}`);
        return {
          value: { keyId, privateKey, tenancyId: "t" },
          obtainedAtMs: wallMs(),
          expiresAtMs: wallMs() + HOUR_MS / 3,
        };
      },
    },
    async send({ headers, url }: UpstreamRequest) {
      const [, session = ""] = /keyId="ST\$([^"]+)"/.exec(headers["authorization"] ?? "") ?? [];
      const { subject } = JSON.parse(Buffer.from(session, "base64url").toString());
      const exp = wallMs() / 1_000 + 3_600;
      const token = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: `${url.host} ${subject}`, exp })}.c2ln`;
      const body = Buffer.from(JSON.stringify({ token, expires_in: 3_600 }));
      return { status: 200, headers: {}, body, sentAtMs: wallMs(), serverDateMs: wallMs() };
    },
  };
}

it(`${REQUESTS} pulls of ${SUBJECTS.length} subjects get no token of another`, async () => {
  let nowMs = 1_000_000_000;
  const { random, below: chance, pick: oneOf } = createRandom(SEED, 0);
  const clock: Clock = { wallMs: () => nowMs, monotonicMs: () => nowMs, setTimer: () => ({ cancel: () => undefined }) };
  const cloud = createCloud(clock.wallMs);
  const { keys, exchange } = cloud;
  const serviceAccounts = createServiceAccountCache({
    ...{ clock, random, keys, exchange, audience: undefined, longestTokenLifeMs: HOUR_MS },
    sendTo: () => cloud.send,
    registries: { isAllowed: () => true, isExpected: () => true, endpointOf: (host) => new URL(`https://${host}`) },
  });
  const ofNode = new Secret(`${part({})}.${part({ sub: NODE })}.c2ln`);
  const pullsOf = (select: "all" | "annotated") =>
    createPullTokens({
      ...{ clock, serviceAccounts, settings: { select, annotation: ANNOTATION, fallback: "none" } },
      tokens: { get: async () => ({ entry: { value: ofNode, obtainedAtMs: 0, expiresAtMs: nowMs }, outcome: "hit" }) },
    });
  const [everyone, optedIn] = [pullsOf("all"), pullsOf("annotated")];
  const pods = new Map<Subject, string[]>();
  const podOf = (subject: Subject): string => {
    const known = pods.get(subject) ?? [];
    if (known.length === 0 || chance(20) === 0) pods.set(subject, [...known.slice(-3), cloud.issue(subject)]);
    return oneOf(pods.get(subject) ?? []);
  };

  const leaks: string[] = [];
  const counts = { answered: 0, refused: 0, forged: 0, ofNode: 0 };
  async function pull(): Promise<void> {
    const subject = oneOf(SUBJECTS);
    const host = oneOf(HOSTS);
    const isForged = chance(10) === 0;
    const genuine = podOf(subject);
    const token = isForged ? cloud.forge(subject, genuine, chance(4)) : genuine;
    if (isForged) counts.forged++;
    const [pulls, annotations] =
      chance(2) === 0 ? [everyone, oneOf(ANNOTATIONS)] : [optedIn, chance(3) === 0 ? oneOf(ANNOTATIONS) : OPTED_IN];
    const mayBeNode = pulls === optedIn && annotations !== OPTED_IN;
    try {
      const pod = { token: new Secret(token), annotations };
      const { entry, identity } = await pulls.get(host, pod, { deadlineAtMs: nowMs + 1 });
      const { sub } = JSON.parse(Buffer.from(entry.value.reveal().split(".")[1] ?? "", "base64url").toString());
      if (mayBeNode) counts.ofNode++;
      else counts.answered++;
      const own = `${host} ${JSON.stringify(subject)}`;
      if (mayBeNode ? identity !== NODE || sub !== NODE : isForged || sub !== own) leaks.push(`${sub} for ${token}`);
    } catch (error) {
      counts.refused++;
      if (!(error instanceof TokenExchangeError || (mayBeNode && error instanceof BrokerError))) throw error;
    }
  }

  for (let made = 0; made < REQUESTS; made += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, pull));
    nowMs += chance(20_000);
    if (chance(50) === 0) cloud.toggleKeys();
  }
  serviceAccounts.close();
  expect(leaks.slice(0, 3)).toEqual([]);
  // The others are forged, of tokens that have ended, or the node's.
  expect(counts.answered).toBeGreaterThan(REQUESTS * 0.45);
  expect(counts.ofNode).toBeGreaterThan(REQUESTS * 0.05);
  expect(counts.forged).toBeGreaterThan(REQUESTS * 0.05);
});
