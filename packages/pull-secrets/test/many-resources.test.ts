/** The controller with a moved clock, and a cluster and source of tokens in memory: what many resources of one namespace cost others. */
import { sleep } from "@ocir-broker/foundation/time/sleep";
import { createFakeClock, type FakeClock } from "@ocir-broker/testkit/fake-clock";
import { beforeEach, expect, it, onTestFinished } from "vitest";
import { PullSecretError } from "../src/cluster/cluster.ts";
import { type ControllerOptions, runController } from "../src/controller.ts";
import { createMetrics } from "../src/metrics.ts";
import type { PullSecret, PullSecretStatus } from "../src/objects/pull-secret.ts";
import type { KnownSecret, SecretContent } from "../src/objects/secret-content.ts";
import { type Fetched, inventedTokens, LIFE_MS, rulesFor } from "./invented-tokens.ts";

const HOST = "iad.ocir.io";
/** 320, so that one namespace may have as many resources. */
const NAMES = Array.from({ length: 320 }, (_, index) => `name-${index}`);
const THROTTLED = new PullSecretError("api-server-failed", "status", { status: 429, retryAfterMs: 1_000 });

let clock: FakeClock;
let cluster: ReturnType<typeof createCluster>;

beforeEach(() => {
  clock = createFakeClock();
  cluster = createCluster();
});

function createCluster() {
  const resources = new Map<string, PullSecret>();
  const secrets = new Map<string, KnownSecret>();
  let listener: ((key: string) => void) | undefined;
  const double = {
    secrets,
    /** When a resource got its first token, and the times of its fetches. */
    fetchedAtMs: new Map<string, number[]>(),
    statusMs: 0,
    statusError: undefined as Error | undefined,
    fetch: (() => ({})) as (resource: PullSecret) => Partial<Fetched>,
    put(namespace: string, name = "name-0", fields: Partial<PullSecret> = {}): void {
      const key = `${namespace}/${name}`;
      const before = resources.get(key);
      const created = { uid: key, generation: 0, serviceAccountName: undefined, formats: [], status: undefined };
      const base = { registries: [HOST], namespace, name, ...created, ...before };
      const resource: PullSecret = { ...base, ...fields, generation: base.generation + 1 };
      resources.set(key, resource);
      listener?.(key);
    },
    /** As the watch of its Secret does. */
    touch: (namespace: string) => listener?.(`${namespace}/name-0`),
    reason: (namespace: string) => resources.get(`${namespace}/name-0`)?.status?.conditions[0].reason,
    watched: {
      resource: (key: string) => resources.get(key),
      secret: (key: string) => secrets.get(key),
      putResource: () => {},
      putSecret: () => {},
      isSelected: () => false,
      allResources: () => resources.values(),
      synced: Promise.resolve([]),
      notify(next: typeof listener) {
        listener = next;
      },
    },
    async applySecret(resource: PullSecret, content: SecretContent) {
      secrets.set(`${resource.namespace}/${resource.name}`, { kind: "ours", content });
    },
    async reportStatus(resource: PullSecret, status: PullSecretStatus) {
      if (double.statusMs > 0) await sleep(double.statusMs, clock);
      if (double.statusError !== undefined) throw double.statusError;
      const key = `${resource.namespace}/${resource.name}`;
      resources.set(key, { ...(resources.get(key) as PullSecret), status });
    },
    reportEvent: async () => {},
    async source(resource: PullSecret, { registries }: { registries: readonly string[] }): Promise<Fetched> {
      const key = `${resource.namespace}/${resource.name}`;
      double.fetchedAtMs.set(key, [...(double.fetchedAtMs.get(key) ?? []), clock.wallMs()]);
      const tokens = inventedTokens(registries, clock.wallMs());
      return { ...tokens, subject: `${resource.name}/uid`, ...double.fetch(resource) };
    },
  };
  return double;
}

function start(rules: Partial<ControllerOptions["rules"]> = {}): void {
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const { watched, source } = cluster;
  const options = {
    ...{ clock, source, random: () => 0.5, metrics: createMetrics(clock), say: () => {} },
    watched,
    cluster: cluster as unknown as ControllerOptions["cluster"],
    fetchDeadline: () => ending.signal,
    rules: { ...rulesFor(...NAMES), ...rules },
  } as const;
  void runController(options, ending.signal);
}

const createMany = (fields: Partial<PullSecret> = {}) => {
  for (const name of NAMES) cluster.put("many", name, fields);
};

it.each([
  ["answers at once", 0],
  ["answers slowly", 4_000],
])("a new resource is Ready within 15 s next to 320 of another namespace, if the API server %s", async (_how, ms) => {
  cluster.statusMs = ms;
  createMany();
  start();
  await clock.advance(5_000);
  cluster.put("shop");
  await clock.advance(15_000);
  expect(cluster.reason("shop")).toBe("Issued");
});

it.each([
  ["one namespace", () => createMany()],
  ["320 namespaces", () => NAMES.forEach((namespace) => void cluster.put(namespace))],
])(
  "renews within a minute of its plan although each status of %s takes 4 s and returns 429",
  async (_whose, create) => {
    cluster.put("shop");
    start();
    await clock.advance(LIFE_MS / 2 - 30_000);
    Object.assign(cluster, { statusMs: 4_000, statusError: THROTTLED });
    create();
    await clock.advance(20_000);
    // Its own status waits for its turn too.
    cluster.put("shop");
    await clock.advance(10_000 + 60_000);
    const [, second] = cluster.fetchedAtMs.get("shop/name-0") ?? [];
    const secret = cluster.secrets.get("shop/name-0") as Extract<KnownSecret, { kind: "ours" }>;
    expect(second).toBeDefined();
    expect(secret.content.tokens.get(HOST)?.fetchedAtMs).toBe(second);
  },
);

const SIXTEEN = Array.from({ length: 16 }, (_, index) => `xx-somewhere-${index}.ocir.io`);

it.each([
  ["ten token exchanges a second, also if a registry refuses each first session", [HOST], 2, 2, 100],
  ["twenty registry requests a second", SIXTEEN, 1, 16, 25],
])("sends Oracle %s", async (_what, registries, exchanges, registryRequests, most) => {
  cluster.fetch = () => ({ sent: { exchanges, registryRequests } });
  createMany({ registries });
  start();
  await clock.advance(10_000);
  const fetches = () => [...cluster.fetchedAtMs.values()].flat().length;
  const before = fetches();
  await clock.advance(20_000);
  expect(fetches() - before).toBeLessThanOrEqual(most);
  // Otherwise, none might be left to fetch after the first ten seconds.
  expect(fetches()).toBeLessThan(NAMES.length);
});

it("fetches for a resource that has changed while it waited as it is now", async () => {
  createMany();
  start();
  const registries = ["fra.ocir.io"];
  cluster.put("shop");
  cluster.put("shop", "name-0", { registries });
  await clock.advance(15_000);
  const secret = cluster.secrets.get("shop/name-0") as Extract<KnownSecret, { kind: "ours" }>;
  expect([cluster.fetchedAtMs.get("shop/name-0")?.length, [...secret.content.tokens.keys()]]).toEqual([1, registries]);
});

it("remembers a live resource's back-off for longer than a minute", async () => {
  const failure = { code: "registry-throttled", place: HOST } as const;
  cluster.fetch = () => ({ tokens: new Map(), failure, retryAfterMs: 200_000 });
  cluster.put("shop");
  start();
  await clock.advance(190_000);
  cluster.touch("shop");
  await clock.advance(1_000);
  expect(cluster.fetchedAtMs.get("shop/name-0")).toHaveLength(1);
});

it("logs an exception, reports tokens that do not fit into a Secret, and works for the other resources", async () => {
  const { applySecret } = cluster;
  cluster.applySecret = async (resource, content) => {
    if (resource.namespace === "large") throw new PullSecretError("secret-too-large", resource.name);
    await applySecret(resource, content);
  };
  const namespaces = ["odd", "large", "shop"];
  for (const namespace of namespaces) cluster.put(namespace);
  start({
    policyOf({ namespace }) {
      if (namespace === "odd") throw new RangeError("Invalid time value");
      return "Allow";
    },
  });
  for (const ms of [5_000, LIFE_MS]) {
    await clock.advance(ms);
    expect(namespaces.map((namespace) => cluster.reason(namespace))).toEqual([undefined, "SecretTooLarge", "Issued"]);
  }
  expect(cluster.fetchedAtMs.get("large/name-0")).toHaveLength(1);
});
