/** The manifests of the products' pages, on a real API server with the products' definitions. No kubelet and no controller run. */
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { V1APIResourceList, V1ServiceAccount } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { type KubernetesObject, objectsIn } from "../daemonset/manifest.ts";
import { nodeClassWith } from "../karpenter.ts";
import { describeUnless } from "../system/describe-unless.ts";
import { DEFINITIONS, KARPENTER_DEFINITIONS, lackOf } from "./consumer-programs.ts";
import { describeCluster } from "./describe-cluster.ts";
import { givenKubernetes } from "./given.ts";
import { namespacePath, type Response, requestAs } from "./kubernetes-api.ts";
import { helm, NAME } from "./pull-secret-objects.ts";

/** For programs on nodes, which read no Secret. */
const OTHER_PAGES = ["karpenter.md", "lazy-loading.md"];
const DOCS = join(import.meta.dirname, "../../docs");
const PAGES = [...globSync(join(DOCS, "consumers/*.md")), join(DOCS, "verify.md")].filter(
  (path) => !OTHER_PAGES.includes(basename(path)),
);
const SCRIPT = join(import.meta.dirname, "../../cloud-init/ocir-broker-node.sh");
const YAML = /^```yaml\n([\s\S]*?)^```$/gm;
const DEFINITIONS_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const LIMIT_MS = 60_000;
const OLD = "old";

/** As the page of builds has it, the chart's value `names` has a second name. */
const NAME_OF_BUILDS = "ocir-push";

interface Manifest extends KubernetesObject {
  readonly spec?: object;
}

/** Kyverno's. */
interface Policy {
  readonly generate?: readonly { readonly template: { readonly value: string } }[];
  readonly mutations?: object;
  readonly matchConstraints?: object;
}

describeCluster("consumers of pull secrets on a real API server", (minor) => {
  const node = givenKubernetes({ minor, hasHelm: true });

  beforeAll(() => helm(node, "install", { names: [NAME, NAME_OF_BUILDS] }));

  describeUnless(lackOf(DEFINITIONS), "the definitions of Flux, Kyverno and policy-controller", () => {
    beforeAll(() => define(DEFINITIONS));

    it.each(PAGES.map((path) => [basename(path), manifestsOf(path)] as const))(
      "accept all manifests of the page %s",
      async (_page, manifests) => {
        expect(manifests).not.toEqual([]);
        for (const manifest of manifests) {
          const { namespace } = manifest.metadata;
          if (namespace !== undefined) await ensureNamespace(namespace);
          expect(await applyStrictly(manifest), `${manifest.kind} ${manifest.metadata.name}`).toBeUndefined();
        }
      },
    );

    // From 1.36 on, the API server has the policies whose form Kyverno took over, and evaluates the mutation itself.
    it.skipIf(minor < 36)("give each new service account of a labelled namespace the Secret too", async () => {
      const policy = PAGES.flatMap(manifestsOf).find(({ kind }) => kind === "MutatingPolicy");
      const { mutations, matchConstraints } = (policy?.spec ?? {}) as Policy;
      const spec = { mutations, matchConstraints, reinvocationPolicy: "Never" };
      await node.api.request("POST", `${ADMISSION}/mutatingadmissionpolicies`, { metadata: { name: NAME }, spec });
      const binding = { metadata: { name: NAME }, spec: { policyName: NAME } };
      await node.api.request("POST", `${ADMISSION}/mutatingadmissionpolicybindings`, binding);
      const [labelled, other] = ["labelled", "other"];
      await node.api.request("POST", "/api/v1/namespaces", {
        metadata: { name: labelled, labels: { [NAME]: "enabled" } },
      });
      await node.api.createNamespace(other);
      async function secretsOf(namespace: string, imagePullSecrets: readonly object[]): Promise<unknown> {
        const account = { metadata: { name: "web" }, imagePullSecrets };
        const path = `${namespacePath(namespace)}/serviceaccounts?dryRun=All`;
        return (await node.api.request<V1ServiceAccount>("POST", path, account)).imagePullSecrets;
      }
      await until("the policy is in force", async () => (await secretsOf(labelled, [])) !== undefined, LIMIT_MS);
      expect(await secretsOf(labelled, [])).toEqual([{ name: NAME }]);
      expect(await secretsOf(labelled, [{ name: OLD }])).toEqual([{ name: OLD }, { name: NAME }]);
      expect(await secretsOf(other, [{ name: OLD }])).toEqual([{ name: OLD }]);
    });

    async function ensureNamespace(name: string): Promise<void> {
      const { status } = await requestAs(node.root)("POST", "/api/v1/namespaces", { metadata: { name } });
      expect([201, 409]).toContain(status);
    }
  });

  describeUnless(lackOf(KARPENTER_DEFINITIONS), "the definition of Oracle's Karpenter provider", () => {
    beforeAll(() => define(KARPENTER_DEFINITIONS));

    it("accepts the page's node class with the script, and no unknown key", async () => {
      const nodeClass = nodeClassWith(readFileSync(SCRIPT, "utf8"));
      expect(await applyStrictly(nodeClass)).toBeUndefined();
      const { preBootstrapInitScript, ...spec } = nodeClass.spec;
      const misspelt = { ...nodeClass, spec: { ...spec, bootstrapInitScript: preBootstrapInitScript } };
      expect(await applyStrictly(misspelt)).toContain("bootstrapInitScript: field not declared in schema");
    });
  });

  async function define(files: readonly string[]): Promise<void> {
    for (const file of files) {
      const definition = parse(readFileSync(file, "utf8"));
      // Its webhook does not run here.
      delete definition.spec.conversion;
      await node.api.request("POST", DEFINITIONS_PATH, definition);
    }
  }

  /** Why the API server refuses it; undefined if it does not. */
  async function applyStrictly(manifest: Manifest): Promise<string | undefined> {
    const query = "?fieldManager=a-person&fieldValidation=Strict";
    let response: Response | undefined;
    const isAnswered = async () => {
      response = await requestAs(node.root)("APPLY", `${await pathOf(manifest)}${query}`, manifest);
      // 404: the definition is not served yet.
      return response.status !== 404;
    };
    await until(`${manifest.kind} is served`, isAnswered, LIMIT_MS);
    return response?.body.message;
  }

  /** By the API server's list of the kinds that it serves. */
  async function pathOf({ apiVersion, kind, metadata: { name, namespace = "default" } }: Manifest): Promise<string> {
    const group = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
    const { resources = [] } = (await requestAs(node.root)("GET", group)).body as Partial<V1APIResourceList>;
    // `deployments/status` is of the kind Deployment too.
    const served = resources.find((each) => each.kind === kind && !each.name.includes("/"));
    return `${group}/${served?.namespaced ? `namespaces/${namespace}/` : ""}${served?.name}/${name}`;
  }
});

function manifestsOf(page: string): Manifest[] {
  const blocks = [...readFileSync(page, "utf8").matchAll(YAML)];
  const manifests: Manifest[] = blocks.flatMap(([, text = ""]) => objectsIn(text));
  // And what Kyverno generates from them.
  const templates = manifests.flatMap(({ spec }) => (spec as Policy | undefined)?.generate ?? []);
  const generated = templates.map(({ template }) => parse(template.value.replace(/\(\(.*?\)\)/, "generated")));
  return [...manifests, ...generated];
}
