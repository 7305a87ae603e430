/**
 * Flux's source-controller, unmodified, with pull secrets: a registry refuses every token but the current one, and after a rotation each
 * source is ready again without a restart. The Secret is the one that the controller writes.
 */
import { readFileSync } from "node:fs";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { describeUnless } from "../system/describe-unless.ts";
import { applyTokens } from "./apply-tokens.ts";
import { DEFINITIONS, lackOf, SOURCE_CONTROLLER } from "./consumer-programs.ts";
import { describeCluster } from "./describe-cluster.ts";
import { type KubernetesNode, startKubernetes } from "./kubernetes-node.ts";
import { NAME } from "./pull-secret-objects.ts";
import { createNamespace, createServiceAccount, namespacePath } from "./service-accounts.ts";
import { untilAnswered } from "./services.ts";

const FLUX = "/apis/source.toolkit.fluxcd.io/v1/namespaces/shop";
const REGISTRY = "127.0.0.1:5000";
const HEALTH = "127.0.0.1:9441";
const UNIT = "cluster-source-controller";
/** In docs/consumers/flux.md. */
const DOCUMENTED_ERROR = "failed to get credential: failed to get secret 'shop/ocir-pull'";
const INTERVAL = "5s";
const LIMIT_MS = 60_000;
const NEEDED = DEFINITIONS.filter((path) => path.includes("fluxcd"));
const lack = lackOf([SOURCE_CONTROLLER, ...NEEDED]);

interface Source {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
  };
}

const SHARED = { interval: INTERVAL, url: `oci://${REGISTRY}/acme/manifests`, ref: { tag: "1.0.0" }, insecure: true };
const SOURCES: readonly (readonly [collection: string, name: string, kind: string, spec: object])[] = [
  ["ocirepositories", "by-secret", "OCIRepository", { ...SHARED, secretRef: { name: NAME } }],
  ["ocirepositories", "by-account", "OCIRepository", { ...SHARED, serviceAccountName: "puller" }],
  [
    "helmcharts",
    "chart",
    "HelmChart",
    { interval: INTERVAL, chart: "chart", version: "*", sourceRef: { kind: "HelmRepository", name: "charts" } },
  ],
];

describeUnless(lack && `source-controller is ${lack}`, "Flux", () => {
  describeCluster("source-controller on a real API server", (minor) => {
    let node: KubernetesNode;

    beforeAll(async () => {
      node = await startKubernetes({
        minor,
        files: [{ from: SOURCE_CONTROLLER, to: "/usr/bin/source-controller", mode: 0o755 }],
      });
      for (const file of NEEDED) {
        const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        await node.api.request("POST", path, parse(readFileSync(file, "utf8")));
      }
      const program = "/opt/checkout/test/cluster/strict-registry.ts";
      await serve("strict-registry", ["/opt/checkout/node_modules/.bin/node", program, REGISTRY]);
      await createNamespace(node, "shop");
      await createServiceAccount(node, "shop", "puller");
      const account = `${namespacePath("shop")}/serviceaccounts/puller`;
      await node.api.request("PATCH", account, { imagePullSecrets: [{ name: NAME }] });
      await rotate("first");
      await serve("source-controller", [
        ...["source-controller", "--storage-path=/run/flux", "--storage-addr=127.0.0.1:9790"],
        ...["--storage-adv-addr=127.0.0.1:9790", "--metrics-addr=127.0.0.1:9791", `--health-addr=${HEALTH}`],
        ...["--watch-all-namespaces", "--min-retry-delay=1s", "--max-retry-delay=5s"],
      ]);
      await untilAnswered(node.root, UNIT, `http://${HEALTH}/readyz`);
      return () => node.stop();
    });

    async function serve(name: string, command: readonly string[]): Promise<void> {
      const environment = ["--setenv=RUNTIME_NAMESPACE=shop", "--setenv=KUBECONFIG=/etc/kubernetes/admin.conf"];
      const storage = "--property=RuntimeDirectory=flux";
      await node.root.run("systemd-run", ["--quiet", "--unit", `cluster-${name}`, storage, ...environment, ...command]);
    }

    /** The registry takes only this token from now on. */
    async function rotate(token: string): Promise<void> {
      const set = ["-sSf", "-d", token, `http://${REGISTRY}/token`];
      await until(
        "the registry takes the token",
        async () => (await node.root.exec("curl", set)).exitCode === 0,
        LIMIT_MS,
      );
    }

    async function untilReady(collection: string, name: string, ready: "True" | "False", text = ""): Promise<void> {
      let found: Source["status"];
      const isSo = async () => {
        const path = `${FLUX}/${collection}/${name}`;
        found = ((await node.api.request("GET", path)) as Source).status;
        const condition = found?.conditions?.find(({ type }) => type === "Ready");
        return condition?.status === ready && condition.message.includes(text);
      };
      await until(`${name} is ready: ${ready}`, isSo, LIMIT_MS).catch((error) => {
        throw new Error(JSON.stringify(found), { cause: error });
      });
    }

    it("reports that the Secret is missing", async () => {
      const charts = {
        type: "oci",
        interval: INTERVAL,
        url: `oci://${REGISTRY}/acme`,
        insecure: true,
        secretRef: { name: NAME },
      };
      await node.api.request("POST", `${FLUX}/helmrepositories`, {
        apiVersion: "source.toolkit.fluxcd.io/v1",
        kind: "HelmRepository",
        metadata: { name: "charts" },
        spec: charts,
      });
      for (const [collection, name, kind, spec] of SOURCES) {
        const object = { apiVersion: "source.toolkit.fluxcd.io/v1", kind, metadata: { name }, spec };
        await node.api.request("POST", `${FLUX}/${collection}`, object);
      }
      for (const [collection, name] of SOURCES) await untilReady(collection, name, "False", "not found");
      await untilReady("ocirepositories", "by-secret", "False", DOCUMENTED_ERROR);
    });

    it("makes every source ready once the Secret exists", async () => {
      await applyTokens(node, "shop", { [REGISTRY]: "first" });
      for (const [collection, name] of SOURCES) await untilReady(collection, name, "True");
    });

    it("makes every source ready again after a rotation, without a restart, once the Secret has the new token", async () => {
      await rotate("second");
      const processBefore = await node.root.property(UNIT, "MainPID");
      for (const [collection, name] of SOURCES) await untilReady(collection, name, "False");
      await untilReady("ocirepositories", "by-secret", "False", "the token is not the current one");
      await applyTokens(node, "shop", { [REGISTRY]: "second" });
      for (const [collection, name] of SOURCES) await untilReady(collection, name, "True");
      expect(await node.root.property(UNIT, "MainPID")).toBe(processBefore);
    });
  });
});
