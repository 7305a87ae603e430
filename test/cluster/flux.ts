/** Flux's source-controller, unmodified, with a source of each kind that reads a pull secret. */
import { readFileSync } from "node:fs";
import { until } from "@ocir-broker/testkit/until";
import { parse } from "yaml";
import { DEFINITIONS, lackOf, SOURCE_CONTROLLER } from "./consumer-programs.ts";
import { namespacePath } from "./kubernetes-api.ts";
import type { KubernetesNode } from "./kubernetes-node.ts";
import { REGISTRY_HOST } from "./node-files.ts";
import { NAME } from "./pull-secret-objects.ts";
import { serve, untilAnswered } from "./services.ts";

const HEALTH = "127.0.0.1:9441";
const API = "source.toolkit.fluxcd.io/v1";
const LIMIT_MS = 60_000;
const NEEDED = DEFINITIONS.filter((path) => path.includes("fluxcd"));
const ACCOUNT = "puller";

export const lackOfFlux = lackOf([SOURCE_CONTROLLER.path, ...NEEDED]);
export const FLUX_FILES = [{ from: SOURCE_CONTROLLER.path, to: "/usr/bin/source-controller", mode: 0o755 }];

interface Source {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
    readonly artifact?: { readonly revision: string };
  };
}

const SHARED = { interval: "5s", url: `oci://${REGISTRY_HOST}/acme/chart`, ref: { semver: "*" } };
const CHARTS = { type: "oci", interval: "5s", url: `oci://${REGISTRY_HOST}/acme`, secretRef: { name: NAME } };
const CHART = { interval: "5s", chart: "chart", version: "*", sourceRef: { kind: "HelmRepository", name: "charts" } };
const OBJECTS: readonly (readonly [kind: string, name: string, spec: object])[] = [
  ["HelmRepository", "charts", CHARTS],
  ["OCIRepository", "by-secret", { ...SHARED, secretRef: { name: NAME } }],
  ["OCIRepository", "by-account", { ...SHARED, serviceAccountName: ACCOUNT }],
  ["HelmChart", "chart", CHART],
];
const SOURCES = OBJECTS.slice(1);

/** Sources of the newest version of the chart `acme/chart`, in this namespace. */
export async function startFlux(node: KubernetesNode, namespace: string) {
  for (const file of NEEDED) {
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    await node.api.request("POST", path, parse(readFileSync(file, "utf8")));
  }
  await node.api.createServiceAccount(namespace, ACCOUNT);
  const account = `${namespacePath(namespace)}/serviceaccounts/${ACCOUNT}`;
  await node.api.request("PATCH", account, { imagePullSecrets: [{ name: NAME }] });
  const command = [
    ...["source-controller", "--storage-path=/run/flux", "--storage-addr=127.0.0.1:9790"],
    ...["--storage-adv-addr=127.0.0.1:9790", "--metrics-addr=127.0.0.1:9791", `--health-addr=${HEALTH}`],
    ...["--watch-all-namespaces", "--min-retry-delay=1s", "--max-retry-delay=5s"],
  ];
  const unit = await serve(node.root, "source-controller", command, [
    "RuntimeDirectory=flux",
    `Environment=RUNTIME_NAMESPACE=${namespace} KUBECONFIG=/etc/kubernetes/admin.conf`,
  ]);
  await untilAnswered(node.root, unit, `http://${HEALTH}/readyz`);
  const collection = (kind: string) => {
    const resources = `${kind.toLowerCase()}s`.replace("repositorys", "repositories");
    return `/apis/${API}/namespaces/${namespace}/${resources}`;
  };
  for (const [kind, name, spec] of OBJECTS)
    await node.api.request("POST", collection(kind), { apiVersion: API, kind, metadata: { name }, spec });

  async function untilSo(
    what: string,
    isSo: (status: NonNullable<Source["status"]>, ready: string) => boolean,
    sources = SOURCES,
  ) {
    for (const [kind, name] of sources) {
      let found: Source["status"];
      const check = async () => {
        found = (await node.api.request<Source>("GET", `${collection(kind)}/${name}`)).status;
        const ready = found?.conditions?.find(({ type }) => type === "Ready");
        return found !== undefined && isSo(found, `${ready?.status} ${ready?.message}`);
      };
      await until(() => `${name} ${what}: ${JSON.stringify(found)}`, check, LIMIT_MS);
    }
  }

  return {
    /** No source is ready, because the Secret is missing; that of an OCIRepository with `secretRef` reports this text. */
    async untilSecretIsMissing(text: string): Promise<void> {
      await untilSo("has failed", (_status, ready) => /^False .*not found/.test(ready));
      const bySecret = SOURCES.filter(([, name]) => name === "by-secret");
      await untilSo("reports it", (_status, ready) => ready.includes(text), bySecret);
    },
    untilReady: (version: string) =>
      untilSo(`has ${version}`, (status, ready) => {
        return ready.startsWith("True ") && status.artifact?.revision.split("@")[0] === version;
      }),
    process: () => node.root.property(unit, "MainPID"),
  };
}
