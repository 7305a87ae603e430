/** The controller against an API server and Oracle's services: renewals, failures, conflicts, and the ends of a Secret. */
import { setTimeout } from "node:timers/promises";
import { createUpstreamDispatcher } from "@ocir-broker/foundation/dispatcher";
import { createSendRequest } from "@ocir-broker/foundation/upstream";
import { createOkeTokenExchange } from "@ocir-broker/identity/oke-token-exchange/oke-token-exchange";
import { createApiServer } from "@ocir-broker/kubernetes/api-server";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import { createFakeClock, type FakeClock } from "@ocir-broker/testkit/fake-clock";
import { createSeededRandom } from "@ocir-broker/testkit/seeded-random";
import { until } from "@ocir-broker/testkit/until";
import { afterEach, beforeEach, expect, it } from "vitest";
// @boundaries-ignore the alerts are the repository's, not the package's
import { expectAlerts } from "../../../test/monitoring/expect-alerts.ts";
// @boundaries-ignore see above
import { hasPromtool, promtoolNote } from "../../../test/monitoring/promtool.ts";
import { createPullSecretCluster, watchCluster } from "../src/cluster/cluster.ts";
import { runController } from "../src/controller.ts";
import type { Rules } from "../src/decision/rules.ts";
import { createMetrics } from "../src/metrics.ts";
import { type PullSecret, TOKENS_ANNOTATION } from "../src/objects/pull-secret.ts";
import { createControllerSource, createServiceAccountSource } from "../src/tokens/token-source.ts";
import { type ApiServerDouble, type KubernetesJson, startApiServer, TOKEN } from "./api-server.ts";

const HOST = "iad.ocir.io";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Begins the names of namespaces whose fetches get no response. */
const SILENT = "silent";
/** Half of a token's life is 27 to 33 minutes. */
const BEFORE_RENEWAL_MS = 26 * MINUTE_MS;
/** For a busy machine. Below the limit of a test, so that the message names what did not happen. */
const LIMIT_MS = 40_000;

/** Moved with each test, so that tokens and certificates of the real day are valid. */
const clock: FakeClock = createFakeClock();
clock.jumpWall(Date.now() - clock.wallMs());
const simulator = await sharedSimulator({ clock });
const endless = () => new AbortController().signal;
const limits = { connectMs: 5_000, headersMs: 5_000, bodyMs: 5_000, maxConnectionsPerOrigin: 8 };

let api: ApiServerDouble;
let said: string[];
let running: Running[];

beforeEach(async () => {
  said = [];
  running = [];
  api = await startApiServer({
    names: ["ocir-pull", "builder"],
    issueToken: (namespace, serviceAccount, uid, lifeMs) =>
      namespace.startsWith(SILENT)
        ? new Promise(() => {})
        : simulator.serviceAccountToken({ namespace, serviceAccount, uid, lifeMs, pod: null }),
  });
  api.accounts.set("shop/ocir-pull", "account-1");
});

afterEach(async () => {
  for (const each of running) await each.stop();
  await api.stop();
});

type Running = ReturnType<typeof startController>;

function startController(identity: Rules["identity"] = { kind: "service-account" }, namespaceSelector?: string) {
  const caCertificate = simulator.clusterCaCertificate;
  const server = createApiServer({ url: api.url(), caCertificate, token: () => TOKEN });
  const dispatcher = createUpstreamDispatcher({ ...limits, caCertificates: [caCertificate] });
  const send = createSendRequest({ dispatcher, clock, totalMs: HOUR_MS });
  const registries = { isAllowed: () => true, endpointOf: () => simulator.registryUrl };
  const shared = { ways: { clock, sendTo: () => send, registries }, random: createSeededRandom(1) };
  const cluster = createPullSecretCluster({ api: server, audience: undefined, pod: "pod-1", clock, deadline: endless });
  const exchange = createOkeTokenExchange({ clock, send, endpoint: () => simulator.clusterUrl });
  const live = async () => exchange.exchange(await cluster.requestToken("shop", "ocir-pull", endless()), endless());
  const metrics = createMetrics(clock);
  const ending = new AbortController();
  const say = (text: string, level = "info") => void said.push(`${level}: ${text}`);
  const names = new Set(["ocir-pull", "builder"]);
  const watched = watchCluster({ api: server, clock, names, namespaceSelector, signal: ending.signal, say });
  const options = {
    ...{ watched, cluster, say, clock, random: createSeededRandom(2), metrics, fetchDeadline: endless },
    source:
      identity.kind === "controller"
        ? createControllerSource({ ...shared, sessions: { live, newerThan: async () => undefined } })
        : createServiceAccountSource({ ...shared, exchange, requestToken: cluster.requestToken }),
    rules: {
      names,
      identity,
      isSelected: watched.isSelected,
      isRegistry: (host: string) => host.endsWith("ocir.io"),
      policyOf: ({ namespace }: PullSecret) => `Allow ${namespace}`,
    },
  };
  let term = new AbortController();
  /** As main.ts does, while it holds the Lease. */
  const lead = () => {
    metrics.leads(true);
    return runController(options, term.signal).finally(() => metrics.leads(false));
  };
  let ended = lead();
  const endTerm = async () => {
    term.abort();
    await clock.advance(1_000);
    await ended;
  };
  const controller = {
    metrics,
    endTerm,
    startTerm() {
      term = new AbortController();
      ended = lead();
    },
    async stop() {
      await endTerm();
      ending.abort();
      await clock.advance(1_000);
      await server.close();
    },
  };
  void running.push(controller);
  return controller;
}

async function restart(...settings: Parameters<typeof startController>): Promise<void> {
  await running.pop()?.stop();
  startController(...settings);
}

function condition(namespace = "shop", name = "ocir-pull"): KubernetesJson {
  return api.get("ocirpullsecrets", namespace, name)?.status?.conditions.at(-1) ?? {};
}

function soon(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  return until(what, isSo, LIMIT_MS, 5).catch((error: Error) =>
    expect.fail(`${error.message}; ${JSON.stringify(condition())}; ${said.join("; ")}`),
  );
}

function untilReason(reason: string, namespace = "shop", name = "ocir-pull"): Promise<void> {
  return soon(`${namespace}/${name} is ${reason}`, () => condition(namespace, name).reason === reason);
}

function authsIn(namespace = "shop", name = "ocir-pull"): KubernetesJson {
  const data = api.get("secrets", namespace, name)?.data[".dockerconfigjson"];
  return data && JSON.parse(Buffer.from(data, "base64").toString()).auths;
}

/** Time passes until the tokens are due, and not while requests are under way. */
async function untilRenewal(isDone: () => boolean): Promise<void> {
  const { tokens } = JSON.parse(api.get("secrets", "shop", "ocir-pull").metadata.annotations[TOKENS_ANNOTATION]);
  const dueAtMs = Math.min(...Object.values<{ renew: string }>(tokens).map(({ renew }) => Date.parse(renew)));
  await clock.advance(dueAtMs - clock.wallMs() + 1_000);
  await soon("it is renewed", isDone);
}

/** Time passes in steps, as long as it takes. Small ones, because it also passes while a request is under way. */
function untilTime(isDone: () => boolean, stepMs = 2_000): Promise<void> {
  return soon("it is done in time", async () => {
    if (!isDone()) await clock.advance(stepMs);
    return isDone();
  });
}

/** Of a new resource. */
async function reported(reason: string, spec: object = { registries: [HOST] }): Promise<void> {
  api.createResource("shop", spec);
  startController();
  await untilReason(reason);
}

async function issued(spec: object = { registries: [HOST] }): Promise<string> {
  api.createResource("shop", spec);
  startController();
  await soon("it is issued, with its Event", () => api.events.length === 1);
  return authsIn()[HOST].password;
}

it("writes a Secret that every consumer of pull secrets understands, and reports it", async () => {
  const token = await issued({ registries: [HOST, "fra.ocir.io"] });
  const auth = Buffer.from(`BEARER_TOKEN:${token}`).toString("base64");
  expect(authsIn()[HOST]).toEqual({ username: "BEARER_TOKEN", password: token, auth });
  expect(Object.keys(authsIn())).toEqual([HOST, "fra.ocir.io"]);
  const { metadata, type } = api.get("secrets", "shop", "ocir-pull");
  const { uid } = api.get("ocirpullsecrets", "shop", "ocir-pull").metadata;
  expect(type).toBe("kubernetes.io/dockerconfigjson");
  expect(metadata.labels).toEqual({ "app.kubernetes.io/managed-by": "ocir-broker" });
  expect(metadata.ownerReferences).toEqual([
    expect.objectContaining({ kind: "OCIRPullSecret", name: "ocir-pull", uid }),
  ]);
  const { status } = api.get("ocirpullsecrets", "shop", "ocir-pull");
  expect(status.conditions).toEqual([
    expect.objectContaining({ type: "Ready", status: "True", observedGeneration: 1 }),
  ]);
  const until = status.expirationTime.slice(11);
  expect(status.conditions[0].message).toBe(`${HOST} until ${until}, fra.ocir.io until ${until}`);
  expect(api.events.map(({ type, reason }) => [type, reason])).toEqual([["Normal", "Issued"]]);
  expect(api.events[0].message).toContain("policy statement Allow shop");
});

it("adds and removes a format without a new token, and renews its keys", async () => {
  const token = await issued();
  const before = simulator.requests();
  const passwordIn = (key: string) => {
    const value = api.get("secrets", "shop", "ocir-pull").data[key];
    return value && Buffer.from(value, "base64").toString();
  };
  api.changeResource("shop", { registries: [HOST], formats: ["CDI", "ArgoCD"] });
  await untilTime(() => passwordIn("secretKey") === token, 500);
  expect([passwordIn("password"), passwordIn("url")]).toEqual([token, `${HOST}/`]);
  expect(simulator.requests()).toEqual(before);
  await untilRenewal(() => passwordIn("secretKey") !== token);
  expect(passwordIn("secretKey")).toBe(authsIn()[HOST].password);
  api.changeResource("shop", { registries: [HOST] });
  await untilTime(() => passwordIn("secretKey") === undefined, 500);
});

it("renews at half of a token's life, with three requests to the API server and no Event", async () => {
  const first = await issued();
  api.requests.length = 0;
  const isRenewed = () => authsIn()[HOST].password !== first && api.requests.length === 3;
  await clock.advance(BEFORE_RENEWAL_MS);
  expect(authsIn()[HOST].password).toBe(first);
  await untilRenewal(isRenewed);
  expect(api.requests.map((line) => line.replace(/ .*\//, " "))).toEqual([
    "POST token 200",
    "PATCH ocir-pull 200",
    "PATCH status 200",
  ]);
  expect(api.events).toHaveLength(1);
});

it("asks Oracle for nothing after a restart, reports no Event again, and renews when it is due", async () => {
  const first = await issued();
  const before = simulator.requests();
  await restart();
  await clock.advance(MINUTE_MS);
  await soon("it has listed", () => api.requests.at(-1)?.startsWith("GET") === true);
  expect([simulator.requests(), api.events.length]).toEqual([before, 1]);
  await untilRenewal(() => authsIn()[HOST].password !== first);
});

it("keeps a live token while Oracle fails, reports that, and recovers", async () => {
  const first = await issued();
  simulator.faults({ endpoint: "registry.token", status: 503 });
  await untilRenewal(() => said.some((line) => /^warn: .*registry returned a server error/.test(line)));
  await untilTime(() => condition().reason === "RenewalFailing", 5_000);
  expect(condition().status).toBe("True");
  expect(condition().message).toContain("no action needed: it is retried");
  expect(authsIn()[HOST].password).toBe(first);
  await untilTime(() => condition().reason === "Expired", 30_000);
  expect(condition().status).toBe("False");
  simulator.clearFaults();
  await untilTime(() => api.events.length === 4, 5_000);
  expect(condition().status).toBe("True");
  expect(api.events.map(({ reason }) => reason)).toEqual(["Issued", "RenewalFailing", "Expired", "Issued"]);
});

it("renews in time if the wall clock was an hour ahead for a while, so that the token seemed to have expired", async () => {
  const first = await issued();
  simulator.faults({ endpoint: "registry.token", status: 429, retryAfter: 240 });
  clock.jumpWall(HOUR_MS);
  await untilTime(() => api.events.at(-1).reason === "Expired", 500);
  await clock.advance(MINUTE_MS);
  clock.jumpWall(-HOUR_MS);
  simulator.clearFaults();
  await untilRenewal(() => authsIn()[HOST].password !== first);
});

it("stops reporting RenewalFailing once the wall clock is corrected and nothing is due", async () => {
  await issued();
  simulator.faults({ endpoint: "registry.token", status: 503 });
  await clock.advance(24 * MINUTE_MS);
  clock.jumpWall(10 * MINUTE_MS);
  await untilTime(() => condition().reason === "RenewalFailing", 500);
  clock.jumpWall(-10 * MINUTE_MS);
  await untilTime(() => condition().reason === "Issued", 500);
});

it("waits as long as Oracle's Retry-After demands", async () => {
  simulator.faults({ endpoint: "registry.token", status: 429, retryAfter: 120, times: 1 });
  await reported("RegistryThrottled");
  const { "registry.token": before } = simulator.requests();
  await clock.advance(119_000);
  expect(simulator.requests()["registry.token"]).toBe(before);
  await untilTime(() => condition().reason === "Issued");
});

it.each([
  ["soon after a conflict with a writer of the same moment, which is no other manager's field", 409, undefined],
  ["as late as the API server's Retry-After says", 429, 120],
])("applies again %s", async (_when, failApplyWith, retryAfterS) => {
  const first = await issued();
  Object.assign(api, { failApplyWith, retryAfterS });
  await untilRenewal(() => said.some((line) => line.includes("apply failed")));
  api.failApplyWith = undefined;
  const applies = () => api.requests.filter((line) => line.includes("/secrets/")).length;
  const before = applies();
  if (retryAfterS !== undefined) await clock.advance((retryAfterS - 10) * 1_000);
  expect([applies(), authsIn()[HOST].password]).toEqual([before, first]);
  await clock.advance(MINUTE_MS);
  await soon("it has a new token", () => authsIn()[HOST].password !== first);
});

it("keeps the fresh token of one registry when another one fails, and names that one", async () => {
  simulator.faults({ endpoint: "registry.token", status: 404, times: 1 });
  await reported("RegistryForbidden", { registries: [HOST, "fra.ocir.io"] });
  expect(Object.keys(authsIn())).toHaveLength(1);
  expect(condition().message).toMatch(/policy statement Allow shop$/);
  await untilTime(() => condition().reason === "Issued", 500);
  expect(Object.keys(authsIn())).toHaveLength(2);
});

it("exchanges a service-account token once, and one more for all registries that refuse the session", async () => {
  simulator.faults({ endpoint: "registry.token", status: 401, times: 2 });
  await issued({ registries: [HOST, "fra.ocir.io"] });
  const tokenRequests = api.requests.filter((line) => line.endsWith("/serviceaccounts/ocir-pull/token 200"));
  expect(tokenRequests).toHaveLength(2);
  expect(simulator.requests()["cluster.tokenExchange"]).toBe(2);
});

it("never touches a Secret of another manager, and works when it is gone", async () => {
  const metadata = {
    namespace: "shop",
    name: "ocir-pull",
    labels: { "app.kubernetes.io/managed-by": "ocir-broker" },
    managedFields: [{ manager: "kubectl", fieldsV1: { "f:data": {} } }],
  };
  const secret = { type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": "e30=" } };
  api.put("secrets", { ...secret, metadata });
  const before = structuredClone(api.get("secrets", "shop", "ocir-pull"));
  await reported("SecretConflict");
  await clock.advance(20 * MINUTE_MS);
  expect(api.get("secrets", "shop", "ocir-pull")).toEqual(before);
  expect(simulator.requests()["registry.token"]).toBe(0);
  api.delete("secrets", "shop");
  await untilReason("Issued");
});

it("tries again after five minutes at the earliest if the API server reports a conflict", async () => {
  const applies = () => api.requests.filter((line) => line.startsWith("PATCH") && line.includes("/secrets/"));
  await reported("Issued");
  const secret = structuredClone(api.get("secrets", "shop", "ocir-pull"));
  // The watch shows nothing of it, since the API server reports an older version.
  Object.assign(api.get("secrets", "shop", "ocir-pull").metadata, {
    managedFields: [{ manager: "kubectl", fieldsV1: { "f:data": {} } }],
  });
  await untilRenewal(() => condition().reason === "SecretConflict");
  const tried = applies().length;
  await clock.advance(290_000);
  expect(applies()).toHaveLength(tried);
  api.put("secrets", secret);
  await untilTime(() => condition().reason === "Issued", 30_000);
});

it.each([400, 403, 422])("reports an admission policy that refuses the Secret with the status %d", async (status) => {
  api.failApplyWith = status;
  await reported("SecretRefused");
  api.failApplyWith = undefined;
  await untilTime(() => condition().reason === "Issued");
});

it("reports a basic cluster after the first try, and with one Event in spite of all others", async () => {
  simulator.clusterType("basic");
  // The clock stands.
  await reported("ClusterBasic");
  const exchanges = () => simulator.requests()["cluster.tokenExchange"] ?? 0;
  await untilTime(() => exchanges() > 3, 30_000);
  expect([condition().status, api.events.map(({ reason }) => reason)]).toEqual(["False", ["ClusterBasic"]]);
});

it("names the chart's value that allows a service account's name, and ignores resources of another name", async () => {
  api.createResource("shop", { registries: [HOST] }, "mine");
  await reported("NameNotAllowed", { registries: [HOST], serviceAccountName: "default" });
  expect(condition().message).toMatch(/^default: .*names in the values of the chart ocir-pull-secrets/);
  expect(api.requests.filter((line) => line.endsWith("/token") || line.includes("/mine"))).toEqual([]);
});

it("empties the Secret at the next renewal after its service account was deleted", async () => {
  await issued();
  api.accounts.clear();
  await untilRenewal(() => condition().reason === "ServiceAccountMissing");
  expect(authsIn()).toEqual({});
  expect(condition()).toMatchObject({ status: "False" });
});

it("replaces the tokens of a recreated service account with one apply, even those that are not due", async () => {
  await issued({ registries: [HOST] });
  await clock.advance(10 * MINUTE_MS);
  api.changeResource("shop", { registries: [HOST, "fra.ocir.io"] });
  await soon("both", () => Object.keys(authsIn()).length === 2);
  const { "fra.ocir.io": second } = authsIn();
  api.accounts.set("shop/ocir-pull", "account-2");
  await clock.advance(MINUTE_MS);
  api.requests.length = 0;
  await untilRenewal(() => authsIn()["fra.ocir.io"].password !== second.password);
  expect(api.requests.filter((line) => line.includes("/secrets/"))).toHaveLength(1);
});

it.each([403, 404, 409, 429, 500])(
  "keeps the Secret, and continues soon, if a starting API server returns %d",
  async (status) => {
    const first = await issued();
    api.failWith = status;
    await clock.advance(BEFORE_RENEWAL_MS);
    await untilTime(() => said.some((line) => line.includes("fetch failed")));
    expect(authsIn()[HOST].password).toBe(first);
    api.failWith = undefined;
    const startedAtMs = clock.wallMs();
    const isTried = () => api.requests.some((line) => line.endsWith("/token 200"));
    api.requests.length = 0;
    await untilTime(isTried);
    expect(clock.wallMs() - startedAtMs).toBeLessThan(2 * MINUTE_MS);
    await untilTime(() => authsIn()[HOST].password !== first);
  },
);

it("reports no failure any more if the Secret was written, although the response was lost", async () => {
  const first = await issued();
  api.failApplyWith = 504;
  await untilRenewal(() => said.some((line) => line.includes("apply failed")));
  await untilTime(() => condition().reason === "RenewalFailing", 500);
  api.loseApplyWith = 504;
  api.failApplyWith = undefined;
  await untilTime(() => condition().reason === "Issued");
  expect(authsIn()[HOST].password).not.toBe(first);
});

it("gives the Secret to a recreated resource, and writes it again after the garbage collector", async () => {
  await issued();
  api.delete("ocirpullsecrets", "shop");
  api.createResource("shop", { registries: [HOST] });
  const owner = () => api.get("secrets", "shop", "ocir-pull")?.metadata.ownerReferences[0].uid;
  const { uid } = api.get("ocirpullsecrets", "shop", "ocir-pull").metadata;
  await untilTime(() => owner() === uid, 500);
  api.delete("secrets", "shop");
  await untilTime(() => owner() === uid, 500);
});

it("uses the controller's identity in selected namespaces only, and follows their labels", async () => {
  const label = (name: string, labels: object, fields: object = {}) =>
    api.put("namespaces", { metadata: { name, labels, ...fields } });
  label("shop", { pulls: "" });
  label("other", {});
  for (const namespace of ["shop", "other"]) api.createResource(namespace, { registries: [HOST] });
  label("named", { pulls: "" });
  api.createResource("named", { registries: [HOST], serviceAccountName: "ocir-pull" });
  const selected = [{ kind: "controller", namespaces: new Set<string>() }, "pulls"] as const;
  startController(...selected);
  await untilReason("Issued");
  await untilReason("NamespaceNotAllowed", "other");
  await untilReason("ServiceAccountNotUsed", "named");
  expect([authsIn("other"), authsIn("named")]).toEqual([undefined, undefined]);
  label("shop", {});
  await untilTime(() => condition().reason === "NamespaceNotAllowed", 500);
  expect(authsIn()).toEqual({});
  label("other", { pulls: "" });
  await untilTime(() => condition("other").reason === "Issued", 500);
  await soon("each change has its Event", () => api.events.length === 5);
  // A restart changes nothing, although it lists the namespaces last.
  const writes = () => api.requests.filter((line) => line.startsWith("PATCH")).length;
  const before = writes();
  await restart(...selected);
  await soon("it watches", () => api.watches() === 5);
  await clock.advance(1_000);
  expect(writes()).toBe(before);
  // A namespace that is being deleted may lose the Secret before the resource, and accepts no other one.
  label("other", { pulls: "" }, { deletionTimestamp: "2026-11-29T06:00:00Z" });
  api.delete("secrets", "other");
  await clock.advance(MINUTE_MS);
  label("shop", { pulls: "" });
  await untilTime(() => condition().reason === "Issued", 500);
  expect(authsIn("other")).toBeUndefined();
});

it("does nothing without the Lease, and works at once with it, because it has watched meanwhile", async () => {
  await issued();
  const [{ endTerm, startTerm }] = running as [Running];
  await endTerm();
  const before = structuredClone(api.requests);
  api.createResource("shop", { registries: [HOST] }, "builder");
  api.accounts.set("shop/builder", "account-2");
  await clock.advance(MINUTE_MS);
  expect(api.requests).toEqual(before);
  startTerm();
  await untilReason("Issued", "shop", "builder");
  expect(api.requests.filter((line) => line.startsWith("GET"))).toHaveLength(
    before.filter((line) => line.startsWith("GET")).length,
  );
});

it("issues a token although the fetches of fifty other namespaces get no response", async () => {
  for (let index = 0; index < 50; index++) {
    api.accounts.set(`${SILENT}-${index}/ocir-pull`, `account-${index}`);
    api.createResource(`${SILENT}-${index}`, { registries: [HOST] });
  }
  api.createResource("shop", { registries: [HOST] });
  startController();
  await untilTime(() => condition().reason === "Issued", 500);
});

it("leaves another controller's condition alone, and reports once", async () => {
  await issued();
  const other = { type: "Synced", status: "True" };
  const object = structuredClone(api.get("ocirpullsecrets", "shop", "ocir-pull"));
  object.status.conditions.unshift(other);
  api.put("ocirpullsecrets", object);
  api.requests.length = 0;
  await untilRenewal(() => api.requests.some((line) => line.includes("/status")));
  await clock.advance(MINUTE_MS);
  expect(api.get("ocirpullsecrets", "shop", "ocir-pull").status.conditions[0]).toEqual(other);
  expect(api.requests.filter((line) => line.includes("/status"))).toHaveLength(1);
});

it("replaces another manager's status, such as one from a backup, once, although a field of it stays", async () => {
  api.accounts.delete("shop/ocir-pull");
  await reported("ServiceAccountMissing");
  const { message } = condition();
  const object = structuredClone(api.get("ocirpullsecrets", "shop", "ocir-pull"));
  object.metadata.managedFields = [{ manager: "backup", subresource: "status" }];
  Object.assign(object.status, { expirationTime: "2026-11-29T07:00:00Z" });
  object.status.conditions[0].message = "restored";
  api.requests.length = 0;
  api.put("ocirpullsecrets", object);
  const endMs = clock.wallMs() + 200_000;
  await untilTime(() => clock.wallMs() >= endMs);
  expect(api.requests.filter((line) => line.includes("/status "))).toHaveLength(1);
  expect(condition().message).toBe(message);
});

it("shows metrics without a namespace or a name", async () => {
  await issued();
  const [{ metrics }] = running as [Running];
  let text = "";
  const isShown = async () => {
    text = await metrics.render();
    return text.includes('ocir_pull_secrets_resources{reason="Issued"} 1');
  };
  await soon("the resource is counted", isShown);
  expect(text).toContain('ocir_pull_secrets_fetches_total{result="success"} 1');
  const { expirationTime } = api.get("ocirpullsecrets", "shop", "ocir-pull").status;
  expect(text).toContain(`ocir_pull_secrets_next_expiry_timestamp_seconds ${Date.parse(expirationTime) / 1_000}\n`);
  expect(text).not.toContain("shop");
});

it("shows no token in its log, Events or status", async () => {
  const token = await issued();
  simulator.faults({ endpoint: "*", status: 500 });
  await untilRenewal(() => said.some((line) => line.includes("fetch failed")));
  const seen = JSON.stringify([said, api.events, api.get("ocirpullsecrets", "shop", "ocir-pull"), api.requests]);
  expect(seen).not.toContain(token);
  expect(seen).not.toContain("eyJ");
});

it.skipIf(!hasPromtool).each<[fired: string, state: string, minutes: number, each?: (minute: number) => unknown]>([
  ["", "it works for service accounts", 75],
  ["Down", "no replica has the Lease", 15, (minute) => minute === 5 && running[0]?.endTerm()],
  ["Restarts", "it ends again and again", 30, (minute) => minute % 5 === 1 && restart()],
  ["Expiring RenewalFailing", "the registry fails", 75, (minute) => minute === 5 && failRegistry(503)],
  ["NotReady", "a policy is missing", 25, (minute) => minute === 0 && failRegistry(404)],
])(`of the alerts, %s fire if %s${promtoolNote}`, async (fired, _state, minutes, each) => {
  api.createResource("shop", { registries: [HOST] });
  await each?.(0);
  if (running.length === 0) startController();
  await untilTime(() => condition().reason !== undefined);
  const startS = clock.wallMs() / 1_000;
  const scrapes: string[] = [];
  for (let minute = 1; minute <= minutes; minute += 1) {
    await each?.(minute);
    for (const endMs = startS * 1_000 + minute * MINUTE_MS; clock.wallMs() < endMs; ) {
      await clock.advance(Math.min(10_000, endMs - clock.wallMs()));
      await untilStill();
    }
    scrapes.push((await running.at(-1)?.metrics.render()) ?? "");
  }
  const names = fired === "" ? [] : fired.split(" ").map((name) => `OcirPullSecrets${name}`);
  expectAlerts("ocir_pull_secrets", { scrapes, startS }, names);
});

function failRegistry(status: number): void {
  simulator.faults({ endpoint: "registry.token", status });
}

/** No request has arrived for some milliseconds. */
async function untilStill(): Promise<void> {
  const arrived = () => JSON.stringify([api.requests.length, simulator.requests()]);
  for (let before = ""; before !== arrived(); await setTimeout(3)) before = arrived();
}
