/** Large and many objects of one tenant, without the chart's admission policy: the controller stays below the chart's memory limit. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "@ocir-broker/foundation/bundle";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { parse } from "yaml";
import { ENVIRONMENT, NODE_FLAGS } from "../../packages/packaging/src/pull-secrets-image.ts";
import {
  type ApiServerDouble,
  type KubernetesJson,
  startApiServer,
} from "../../packages/pull-secrets/test/api-server.ts";

const CHART = join(import.meta.dirname, "../../deploy/helm/ocir-pull-secrets");
const readChart = (file: string) => parse(readFileSync(join(CHART, file), "utf8"));
const LIMIT_MIB = Number.parseInt(readChart("values.yaml").resources.limits.memory, 10);
/** As many as the chart allows. */
const NAMES: readonly string[] = Array.from(
  { length: readChart("values.schema.json").properties.names.maxItems },
  (_, index) => (index === 0 ? "ocir-pull" : `builder-${index}`),
);
/** As Node itself sets it in a container with this limit. */
const FLAGS = [...NODE_FLAGS, `--max-old-space-size=${LIMIT_MIB}`];
/** For a busy machine. */
const WAIT_MS = 55_000;
const KIB = 1_024;

const program = join(temporaryFolder(), "controller.cjs");
let api: ApiServerDouble;
let controller: ChildProcess;

beforeAll(async () => {
  const entryPoint = join(import.meta.dirname, "controller-program.ts");
  await bundle({ entryPoints: [entryPoint], outfile: program, format: "cjs" });
});

beforeEach(async () => {
  api = await startApiServer({
    names: NAMES,
    largestPage: 500,
    issueToken: async () => "",
  });
});

afterEach(async () => {
  controller.kill("SIGKILL");
  await api.stop();
});

/** Annotations are bounded to 256 KiB, the whole object to 1.5 MiB. */
function createResources(count: number, bytes: number, nameOf: (index: number) => string): void {
  const annotations = { text: "x".repeat(bytes) };
  for (let index = 0; index < count; index++)
    api.put("ocirpullsecrets", {
      metadata: { namespace: `tenant-${index}`, name: nameOf(index), uid: `uid-${index}`, generation: 1, annotations },
      spec: { registries: ["iad.ocir.io"], serviceAccountName: "not-listed" },
    });
}

/** As `kubectl apply --server-side --field-manager=ocir-broker` does, with our label. */
function hostileSecret(data: object, namespace: string, name = "ocir-pull", revision = ""): KubernetesJson {
  const labels = { "app.kubernetes.io/managed-by": "ocir-broker" };
  const metadata = { namespace, name, labels, annotations: { revision } };
  return { metadata, type: "kubernetes.io/dockerconfigjson", data };
}

const hosts = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [index, {}]));
const manyHosts = (count: number) => ({
  ".dockerconfigjson": Buffer.from(JSON.stringify({ auths: hosts(count) })).toString("base64"),
});
const manyKeys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [index, ""]));

/** Patches a Secret of each name, again and again. */
async function patch(data: object, revisions: number): Promise<void> {
  await until("it watches", () => api.watches() === 2 * NAMES.length, WAIT_MS);
  for (let revision = 0; revision < revisions; revision++)
    // Another alphabet doubles the memory of all text of the line.
    for (const name of NAMES) api.put("secrets", hostileSecret(data, "tenant", name, `修订${revision}`));
}

it.each<[string, () => void, (() => Promise<void>)?]>([
  ["320 resources with 250 KB of annotations", () => createResources(320, 250_000, () => "ocir-pull")],
  ["60 resources of 1.2 MB", () => createResources(60, 1_200 * KIB, () => "ocir-pull")],
  ["320 large resources of other names", () => createResources(320, 250_000, (index) => `any-${index}`)],
  ["50 000 resources of other names", () => createResources(50_000, 10, (index) => `any-${index}`)],
  ["Secrets of all names with 18 000 hosts", () => {}, () => patch(manyHosts(18_000), 12)],
  ["Secrets of all names with 24 000 keys", () => {}, () => patch(manyKeys(24_000), 8)],
])(`the controller issues another tenant's token within its memory limit: %s`, async (_what, before, during) => {
  api.put("secrets", { ...hostileSecret({}, "shop"), immutable: true });
  before();
  const node = join(import.meta.dirname, "../../node_modules/.bin/node");
  const env = Object.fromEntries(ENVIRONMENT.map((line) => line.split("=")));
  controller = spawn(node, [...FLAGS, program, api.url().href, ...NAMES], { env, stdio: "ignore" });
  await during?.();
  api.createResource("shop", { registries: ["iad.ocir.io"] });
  // The controller sees it after all others, and waits for it.
  api.delete("secrets", "shop");
  const reason = () => api.get("ocirpullsecrets", "shop", "ocir-pull").status?.conditions[0].reason;
  await until("the token is issued", () => reason() === "Issued", WAIT_MS);
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${controller.pid}/status`, "utf8"))?.[1];
  expect(Number(peak) / KIB).toBeLessThan(LIMIT_MIB);
});
