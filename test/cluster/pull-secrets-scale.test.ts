/**
 * Many pull secrets on a real API server: 200 namespaces by the commands of the page, and in `npm run test:long` 2 000, with their
 * time, requests and memory.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CoreV1Event } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { ONLY_LONG } from "../summary/lacks.ts";
import { describeUnless } from "../system/describe-unless.ts";
import { isLongRun } from "../system/long-run.ts";
import { NODE } from "../system/simulated-node.ts";
import { canRunCluster, lackOfProgram, lackOfTime } from "./can-run-cluster.ts";
import { containerIdOf, processesOf } from "./container-runtime.ts";
import { givenPullSecrets } from "./given.ts";
import { ADMIN_ENV } from "./kubernetes-api.ts";
import { REGISTRY_HOST } from "./node-files.ts";
import { NODE_REQUESTS } from "./node-requests.ts";
import { lackOfPodNetwork } from "./pod-network.ts";
import { NEWEST_MINOR } from "./programs.ts";
import { CHART, CONTROLLER, NAME, pullSecret, RELEASE_NAMESPACE } from "./pull-secret-objects.ts";

const RESOURCES = 2_000;
const READY_LIMIT_S = 240;
const REQUESTS_LIMIT = 4;
const MEMORY_LIMIT_MIB = 120;
const AUDIT_POLICY = "/etc/kubernetes/audit-policy.yaml";
const AUDIT_LOG = "/var/log/kubernetes-audit.log";
/** The controller's requests for its resources, once each: not those for the Lease, and no lists and watches. */
const POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    { level: "None", resources: [{ group: "coordination.k8s.io" }] },
    { level: "Request", users: [CONTROLLER], verbs: ["patch"], resources: [{ group: "", resources: ["secrets"] }] },
    { level: "Metadata", users: [CONTROLLER], verbs: ["create", "patch"] },
    { level: "None" },
  ],
} as const;
const AUDITED = {
  minor: NEWEST_MINOR,
  apiServerFlags: [`--audit-policy-file=${AUDIT_POLICY}`, `--audit-log-path=${AUDIT_LOG}`],
  files: [{ from: { text: JSON.stringify(POLICY) }, to: AUDIT_POLICY }],
};
const WAIT_MS = 900_000;
const POLL_MS = 1_000;

const lack = canRunCluster([NEWEST_MINOR]) ?? lackOfPodNetwork();
const skipped = isLongRun ? lack : ONLY_LONG;

/** Of the page, and among them those that are removed; as many are added. */
const TEAMS = 200;
const CHANGED = 100;
/** Without the label. */
const OTHERS = 50;
const DOCS = join(import.meta.dirname, "../../docs");
const PAGE = readFileSync(join(DOCS, "consumers/many-namespaces.md"), "utf8");
const FOLDER = "/run/page";
const REMOVED = namesOf("team", 0, CHANGED);
const SELECT_TEAM_A = "--set identity.namespaceSelector.matchLabels.team=a";
const EMPTY_LIMIT_MS = 60_000;
const NO_TOKEN = Buffer.from('{"auths":{}}').toString("base64");
const lackOfTeams = lackOfTime ?? lack ?? lackOfProgram("kubectl", "kubernetes-client");

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef: { readonly resource: string; readonly namespace: string };
  readonly requestObject?: { readonly data?: Readonly<Record<string, string>> };
  readonly responseStatus: { readonly code: number };
}

describeUnless(skipped, `${RESOURCES} pull secrets on a real API server`, () => {
  const cluster = givenPullSecrets(AUDITED);

  const run = (command: string, ...args: string[]) =>
    cluster.node.root.run(command, args, { timeoutMs: WAIT_MS, env: NODE_REQUESTS });
  const requests = async () => Number(await run("sh", "-c", `wc -l <${AUDIT_LOG}`));

  /** Resources that have a token, by the metrics of the leader. */
  async function issued(): Promise<number> {
    const address = (await cluster.leader())?.status?.podIP;
    const { stdout } = await cluster.node.root.exec("curl", ["-sS", `http://${address}:8080/metrics`]);
    return Number(/^ocir_pull_secrets_resources\{reason="Issued"\} (\d+)$/m.exec(stdout)?.[1] ?? 0);
  }
  const untilIssued = () => until("all are issued", async () => (await issued()) === RESOURCES, WAIT_MS, POLL_MS);

  /** Memory that the leader shares with no other process, in MiB. */
  async function privateMemoryMiB(): Promise<number> {
    const id = containerIdOf((await cluster.leader())?.status?.containerStatuses?.[0]) ?? "none";
    const [pid] = await processesOf(cluster.node.root, id);
    const rollup = await run("cat", `/proc/${pid}/smaps_rollup`);
    const parts = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)];
    return Math.round(parts.reduce((sum, [, kB]) => sum + Number(kB), 0) / 1_024);
  }

  it(`are ready within ${READY_LIMIT_S} s, with at most ${REQUESTS_LIMIT} requests each and ${MEMORY_LIMIT_MIB} MiB`, async () => {
    await cluster.scale(0);
    await run(NODE, "/opt/checkout/test/cluster/create-tenants.ts", String(RESOURCES));
    const before = await requests();
    const startedAtMs = performance.now();
    await cluster.scale(2);
    await untilIssued();
    const tookS = Math.round((performance.now() - startedAtMs) / 1_000);
    const each = ((await requests()) - before) / RESOURCES;
    const memory = await privateMemoryMiB();
    console.info(`${RESOURCES} resources are ready after ${tookS} s; ${each} requests each; ${memory} MiB`);
    expect((await cluster.resources()).filter(({ status }) => status?.conditions[0]?.status !== "True")).toEqual([]);
    expect(tookS).toBeLessThanOrEqual(READY_LIMIT_S);
    expect(each).toBeLessThanOrEqual(REQUESTS_LIMIT);
    expect(memory).toBeLessThanOrEqual(MEMORY_LIMIT_MIB);
  });
});

describeUnless(lackOfTeams, `${TEAMS} namespaces by the page`, () => {
  const cluster = givenPullSecrets(AUDITED);

  beforeAll(() => apply([...namespacesOf("team", 0, TEAMS, { team: "a" }), ...namespacesOf("other", 0, OTHERS)]));

  const run = (command: string, input = "") =>
    cluster.node.root.run("sh", ["-euc", `mkdir -p ${FOLDER}; cd ${FOLDER}; ${command}`], {
      input,
      env: ADMIN_ENV,
      timeoutMs: WAIT_MS,
    });
  const apply = (items: readonly object[]) =>
    run("kubectl apply --server-side -f -", JSON.stringify({ apiVersion: "v1", kind: "List", items }));

  /** Of the resources' namespaces, those with this reason. */
  async function withReason(wanted: string): Promise<string[]> {
    const found = (await cluster.resources()).filter(({ status }) => status?.conditions[0]?.reason === wanted);
    return found.map(({ metadata }) => metadata.namespace).sort();
  }
  const untilReasons = (issued: readonly string[], notAllowed: readonly string[], limitMs = WAIT_MS) =>
    until(
      "all have the reason",
      async () =>
        (await withReason("Issued")).join() === issued.join() &&
        (await withReason("NamespaceNotAllowed")).join() === notAllowed.join(),
      limitMs,
      POLL_MS,
    );

  const audited = () =>
    cluster.node.root
      .read(AUDIT_LOG)
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as AuditEvent);

  /** Requests of the controller that the API server has refused, but for those in namespaces that have just been deleted. */
  function refused(): string[] {
    const all = audited().filter(({ responseStatus }) => responseStatus.code >= 400);
    const lasting = all.filter(({ objectRef }) => !REMOVED.includes(objectRef.namespace));
    return lasting.map(({ verb, requestURI, responseStatus }) => `${verb} ${requestURI} ${responseStatus.code}`);
  }

  it("are all ready after its commands, at most ten", async () => {
    const [[, manifest = ""] = []] = PAGE.matchAll(/^```yaml\n([\s\S]*?)^```$/gm);
    cluster.node.root.write(`${FOLDER}/ocir-pull.yaml`, manifest.replace("iad.ocir.io", REGISTRY_HOST));
    const [[, block = ""] = []] = PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm);
    const commands = block.trimEnd().split("\n");
    expect(commands.length).toBeLessThanOrEqual(10);
    for (const command of commands) await run(command.replace(/(helm upgrade) \S+ \S+/, `$1 pulls ${CHART}`));
    expect(await withReason("Issued")).toEqual(namesOf("team", 0, TEAMS));
  });

  it(`lose ${CHANGED} and get ${CHANGED} others without an error, and no token for what is not selected`, async () => {
    const added = namespacesOf("team", TEAMS, TEAMS + CHANGED, { team: "b", [NAME]: "enabled" });
    const resources = [...namesOf("team", TEAMS, TEAMS + CHANGED), ...namesOf("other", 0, OTHERS)].map((namespace) =>
      pullSecret({ registries: [REGISTRY_HOST] }, { namespace }),
    );
    await Promise.all([run(`kubectl delete namespace ${REMOVED.join(" ")}`), apply([...added, ...resources])]);
    await untilReasons(namesOf("team", CHANGED, TEAMS + CHANGED), namesOf("other", 0, OTHERS));
    expect(refused()).toEqual([]);
  });

  it("lose the token within a minute of a change of the selector, and say so", async () => {
    await run(`helm upgrade pulls ${CHART} -n ${RELEASE_NAMESPACE} --reset-then-reuse-values ${SELECT_TEAM_A}`);
    const removed = namesOf("team", TEAMS, TEAMS + CHANGED);
    const notAllowed = [...namesOf("other", 0, OTHERS), ...removed];
    await untilReasons(namesOf("team", CHANGED, TEAMS), notAllowed, EMPTY_LIMIT_MS);
    for (const namespace of removed)
      expect((await cluster.secret(namespace))?.data, namespace).toEqual({ ".dockerconfigjson": NO_TOKEN });
    const wait = /kubectl -n shop wait .*/.exec(readFileSync(`${DOCS}/pull-secrets.md`, "utf8"))?.[0] ?? "";
    const shown = ["team-199", "team-200"].map((namespace) => run(wait.replace("shop", namespace)));
    expect(await Promise.all(shown)).toEqual([
      expect.stringMatching(new RegExp(`^${REGISTRY_HOST} until `)),
      expect.stringMatching(/^team-200: this namespace may not use/),
    ]);
    const events = await cluster.node.api.list<CoreV1Event>("/api/v1/events");
    const told = events.flatMap(({ reason, metadata }) => (reason === "NamespaceNotAllowed" ? metadata.namespace : []));
    expect(told.sort()).toEqual(notAllowed);
    expect(refused()).toEqual([]);
    const secrets = audited().filter(({ objectRef, requestObject }) => {
      return objectRef.resource === "secrets" && requestObject?.data?.[".dockerconfigjson"] !== NO_TOKEN;
    });
    const withToken = new Set(secrets.map(({ objectRef }) => objectRef.namespace));
    expect([...withToken].sort()).toEqual(namesOf("team", 0, TEAMS + CHANGED));
  });
});

function namesOf(prefix: string, from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `${prefix}-${from + index}`).sort();
}

function namespacesOf(prefix: string, from: number, to: number, labels: object = {}): object[] {
  return namesOf(prefix, from, to).map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } }));
}
