import { randomUUID } from "node:crypto";
import { configSchema } from "@ocir-broker/config/schema";
import { clusterSection } from "@ocir-broker/config/test/config";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { createDirectDispatcher } from "@ocir-broker/foundation/dispatcher";
import { Secret } from "@ocir-broker/foundation/secret";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createSendRequest } from "@ocir-broker/foundation/upstream";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import type { WantedServiceAccountToken } from "@ocir-broker/oci-simulator/service-accounts";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { claimsOf } from "../../test/kubelet-request.ts";
import { createRegistries, type LiveRegistries } from "../tokens/registries.ts";
import { createServiceAccountCache } from "./service-account-cache.ts";
import { createServiceAccounts } from "./service-accounts.ts";

const HOST = "iad.ocir.io";
const SHOP = { namespace: "shop", serviceAccount: "puller" };
/** No test is about a time limit, so none is short enough for a busy machine to reach. */
const LIMIT_MS = 60_000;
const LIMITS = { connectMs: LIMIT_MS, headersMs: LIMIT_MS, bodyMs: LIMIT_MS, maxConnectionsPerOrigin: 8 };

/** The fake clock moves the time, and time limits are real, as the upstreams are. */
let now = createFakeClock();
const system = createSystemClock();
const clock = {
  ...system,
  wallMs: () => now.wallMs(),
  monotonicMs: () => system.monotonicMs() + now.monotonicMs(),
};
const simulator = await sharedSimulator({ clock: { ...system, wallMs: clock.wallMs } });
let serviceAccounts: ReturnType<typeof createServiceAccounts>;
let registries: LiveRegistries;
/** Called for each response of a registry. */
let onResponse = async (): Promise<void> => {};

beforeEach(() => {
  now = createFakeClock();
  onResponse = async () => {};
  start();
});

function start(settings: object = {}): void {
  const registry = simulator.registryUrl.origin;
  const config = configSchema.parse({
    serviceAccounts: { ...clusterSection(simulator, temporaryFolder()), ...settings },
    registries: { endpoints: { [HOST]: registry, "fra.ocir.io": registry } },
  });
  const send = createSendRequest({ dispatcher: createDirectDispatcher(LIMITS), clock, totalMs: LIMIT_MS });
  const unused = () => Promise.reject(new Error("no use of the node's session"));
  registries = createRegistries(config, { get: unused });
  const started = createServiceAccounts({
    ...{ config, clock, random: () => 0.5 },
    environment: {},
    tokens: { get: unused },
    sessions: { get: unused, peek: () => undefined },
    refreshSession: () => ({ startedAtMs: 0, done: Promise.resolve() }),
    sendDomain: send,
    sendTo: () => async (request) => {
      const response = await send(request);
      await onResponse();
      // The Date would make a clock that has moved since a wrong one.
      return { ...response, serverDateMs: undefined };
    },
    registries,
  });
  onTestFinished(() => started.close());
  serviceAccounts = started;
}

const issue = async (wanted: Partial<WantedServiceAccountToken> = {}) =>
  new Secret(await simulator.serviceAccountToken({ ...SHOP, ...wanted }));

/** The service account and the id of a registry token, which a failure shows; the starts of two JWTs look the same. */
async function get(token: Secret, registryHost = HOST): Promise<string> {
  const deadlineAtMs = clock.monotonicMs() + LIMIT_MS;
  const result = await serviceAccounts.pullTokens.get(registryHost, { token, annotations: {} }, { deadlineAtMs });
  const claims = claimsOf(result.entry.value.reveal());
  return `${claims["namespace"]}/${claims["service_account"]} ${String(claims["jti"]).slice(0, 8)}`;
}

const subjectOf = (name: string) => name.split(" ")[0];

function asked() {
  const { "cluster.tokenExchange": exchanges, "registry.token": tokens, "cluster.keys": keys } = simulator.requests();
  return { exchanges, tokens, keys };
}

describe("createServiceAccountCache", () => {
  it("fetches one token per service account with one token exchange, however many pods request it", async () => {
    const pods = Array.from({ length: 20 }, (_, pod) => issue({ serviceAccount: `puller-${pod % 5}` }));
    const results = await Promise.all((await Promise.all(pods)).map((token) => get(token)));
    expect(results.map(subjectOf)).toEqual(results.map((_, pod) => `shop/puller-${pod % 5}`));
    expect(new Set(results).size).toBe(5);
    expect(asked()).toEqual({ exchanges: 5, tokens: 5, keys: 1 });
    expect(serviceAccounts.serviceAccountCount()).toBe(5);
  });

  it("uses one session for all registry hosts, and a separate token for each", async () => {
    const token = await issue();
    expect(await get(token, "fra.ocir.io")).not.toBe(await get(token));
    expect(asked()).toEqual({ exchanges: 1, tokens: 2, keys: 1 });
  });

  it("fetches another token once a reload has moved the registry host", async () => {
    const token = await issue();
    const first = await get(token);
    const endpoints = { [HOST]: simulator.registryUrl.origin.replace("127.0.0.1", "localhost") };
    registries.applyConfig(configSchema.parse({ registries: { endpoints } }));
    expect(await get(token)).not.toBe(first);
    expect(asked()).toMatchObject({ exchanges: 1, tokens: 2 });
  });

  it("fetches no token for a foreign host", async () => {
    await expect(get(await issue(), "iad.ocir.io.example")).rejects.toMatchObject({ code: "registry-foreign" });
    expect(asked()).toMatchObject({ tokens: 0 });
  });

  it.each([
    ["the UID, as after a deletion", {}, { uid: randomUUID() }],
    ["the namespace", { namespace: "depot" }, {}],
    ["the place of a colon", { namespace: "a", serviceAccount: "b:c" }, { namespace: "a:b", serviceAccount: "c" }],
    ["where the namespace ends", { namespace: "a", serviceAccount: "bc" }, { namespace: "ab", serviceAccount: "c" }],
    ["where the name ends", { serviceAccount: "b", uid: "cd" }, { serviceAccount: "bc", uid: "d" }],
  ])("keeps service accounts apart that differ only in %s", async (_what, one, other) => {
    const same = randomUUID();
    const [first, second] = [await issue({ uid: same, ...one }), await issue({ uid: same, ...other })];
    const token = await get(first);
    expect(await get(second)).not.toBe(token);
    expect(await get(first)).toBe(token);
    expect(asked()).toEqual({ exchanges: 2, tokens: 2, keys: 1 });
  });

  it.each([
    ["for another audience", { audience: "vault" }],
    ["of another issuer", { issuer: "https://other.example" }],
  ])("does not share a cached token with a token %s of the same service account", async (_what, wanted) => {
    await get(await issue());
    await expect(get(await issue(wanted))).rejects.toMatchObject({ code: "cluster-token-refused" });
    expect(asked()).toEqual({ exchanges: 2, tokens: 1, keys: 1 });
  });

  it("lets Oracle verify each token if the cluster's keys cannot be read, and shares accepted ones", async () => {
    simulator.faults({ endpoint: "cluster.keys", status: 403 });
    const [one, two] = [await issue(), await issue()];
    const first = await get(one);
    expect([await get(one), await get(two), await get(two)]).toEqual([first, first, first]);
    expect(asked()).toMatchObject({ exchanges: 2, tokens: 1 });
  });

  it.each([
    ["with the cluster's keys", false],
    ["without them", true],
  ])("refuses a token with copied claims and no valid signature, %s", async (_name, isBlind) => {
    if (isBlind) simulator.faults({ endpoint: "cluster.keys", status: 403 });
    const genuine = await issue();
    await get(genuine);
    const forged = new Secret(genuine.reveal().replace(/\.[^.]*$/, `.${"A".repeat(342)}`));
    await expect(get(forged)).rejects.toMatchObject({ code: "cluster-token-refused" });
    await expect(get(forged)).rejects.toMatchObject({ code: "cluster-token-refused" });
  });

  it("refuses an expired token even if the service account's token is cached", async () => {
    const short = await issue({ lifeMs: 600_000 });
    await get(short);
    await now.advance(601_000);
    await expect(get(short)).rejects.toMatchObject({ code: "service-account-token-expired" });
  });

  it("fetches nothing without a request, and renews at a pod's request after half of the life", async () => {
    const first = await get(await issue());
    await now.advance(40 * 60_000);
    expect(asked()).toMatchObject({ exchanges: 1, tokens: 1 });
    const late = await issue();
    expect(await get(late)).toBe(first);
    await expect.poll(() => get(late), { timeout: LIMIT_MS }).not.toBe(first);
    expect(asked()).toMatchObject({ exchanges: 2, tokens: 2 });
  });

  it("keeps a registry token no longer than the configuration allows", async () => {
    start({ longestTokenLife: "5m" });
    const token = await issue();
    const first = await get(token);
    await now.advance(5 * 60_000);
    expect(await get(token)).not.toBe(first);
  });

  it("asks for 256 token exchanges at once, and then for ten a second", async () => {
    const unused = () => Promise.reject(new Error("not reached"));
    let exchanges = 0;
    const cache = createServiceAccountCache({
      ...{ clock: now, random: () => 0.5, audience: undefined, longestTokenLifeMs: LIMIT_MS, sendTo: () => unused },
      registries: createRegistries(configSchema.parse({}), { get: unused }),
      exchange: {
        exchange() {
          exchanges += 1;
          return new Promise<never>(() => undefined);
        },
      },
      keys: { isSigned: async () => true },
    });
    const deadlineAtMs = now.monotonicMs() + LIMIT_MS;
    const pods = await Promise.all(Array.from({ length: 280 }, (_, pod) => issue({ serviceAccount: `puller-${pod}` })));
    const pulls = Promise.allSettled(pods.map((token) => cache.get(HOST, token, { deadlineAtMs })));
    await now.advance(0);
    expect(exchanges).toBe(256);
    await now.advance(1_000);
    expect(exchanges).toBe(266);
    cache.close();
    await pulls;
  });

  it("rejects a caller that waits for the cluster's keys as soon as it is closed", async () => {
    const unused = () => Promise.reject(new Error("not reached"));
    const reading = Promise.withResolvers<void>();
    const cache = createServiceAccountCache({
      ...{ clock: now, random: () => 0.5, audience: undefined, longestTokenLifeMs: LIMIT_MS, sendTo: () => unused },
      registries: createRegistries(configSchema.parse({}), { get: unused }),
      exchange: { exchange: unused },
      keys: {
        isSigned: (_token, signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
            reading.resolve();
          }),
      },
    });
    const failed = cache.get(HOST, await issue(), { deadlineAtMs: LIMIT_MS }).catch(codeOf);
    await reading.promise;
    cache.close();
    expect(await failed).toBe("closed");
  });

  it("asks Oracle about a refused token once a minute, however often the kubelet asks", async () => {
    simulator.faults({ endpoint: "cluster.tokenExchange", times: 1, status: 401 });
    const token = await issue();
    for (let time = 0; time < 3; time += 1) expect(await get(token).catch(codeOf)).toBe("cluster-token-refused");
    expect(asked()).toMatchObject({ exchanges: 1 });
    await now.advance(60_000);
    expect(subjectOf(await get(token))).toBe("shop/puller");
  });

  it("refuses one pod's token alone if Oracle refuses it, and uses another pod's at once, waiting or later", async () => {
    simulator.faults({ endpoint: "cluster.tokenExchange", times: 2, status: 401 });
    const pods = await Promise.all([issue(), issue(), issue()]);
    const results = pods.map((token) => get(token).then(subjectOf, codeOf));
    expect(await Promise.all(results)).toEqual(["cluster-token-refused", "cluster-token-refused", "shop/puller"]);
    expect(asked()).toMatchObject({ exchanges: 3, tokens: 1 });
    await now.advance(61 * 60_000);
    simulator.faults({ endpoint: "cluster.tokenExchange", times: 1, status: 401 });
    expect(await get(await issue()).catch(codeOf)).toBe("cluster-token-refused");
    expect(subjectOf(await get(await issue()))).toBe("shop/puller");
  });

  it.each([
    ["", 0],
    [", which has ended meanwhile", 61 * 60_000],
  ])("repeats the exchange once if the registry refuses the session%s", async (_what, afterMs) => {
    simulator.faults({ endpoint: "registry.token", times: 1, status: 401 });
    onResponse = async () => {
      onResponse = async () => {};
      await now.advance(afterMs);
    };
    expect(subjectOf(await get(await issue({ lifeMs: 2 * 60 * 60_000 })))).toBe("shop/puller");
    expect(asked()).toMatchObject({ exchanges: 2 });
  });

  it("refuses a token for an audience that is not configured, without any request", async () => {
    start({ audience: "ocir" });
    await expect(get(await issue())).rejects.toMatchObject({ code: "service-account-token-audience" });
    expect(asked()).toEqual({ exchanges: 0, tokens: 0, keys: 0 });
  });
});
