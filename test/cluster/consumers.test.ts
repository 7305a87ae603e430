/**
 * What products read from pull secrets, on a real API server: the library that most of them use, and the manifests of their pages. No
 * kubelet and no controller run; the Secrets are those that the controller writes.
 */
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { V1APIResourceList, V1ServiceAccount } from "@kubernetes/client-node";
import { Secret } from "@ocir-broker/foundation/secret";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { secretManifest } from "../../packages/pull-secrets/src/objects/secret-content.ts";
import { type KubernetesObject, objectsIn } from "../daemonset/manifest.ts";
import { nodeClassWith } from "../karpenter.ts";
import { describeUnless } from "../system/describe-unless.ts";
import { DEFINITIONS, K8SCHAIN, KARPENTER_DEFINITIONS, lackOf } from "./consumer-programs.ts";
import { describeCluster } from "./describe-cluster.ts";
import { loginSecret } from "./docker-logins.ts";
import { givenKubernetes } from "./given.ts";
import { ADMIN_ENV, namespacePath, type Response, requestAs } from "./kubernetes-api.ts";
import { helm, NAME, pullSecret, secretPath } from "./pull-secret-objects.ts";

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
const PROGRAM = "/usr/bin/k8schain";
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

const lackOfProgram = lackOf([K8SCHAIN.path]);

describeCluster("consumers of pull secrets on a real API server", (minor) => {
  const program = { from: K8SCHAIN.path, to: PROGRAM, mode: 0o755 };
  const node = givenKubernetes({ minor, hasHelm: true, files: lackOfProgram === undefined ? [program] : [] });

  beforeAll(() => helm(node, "install", { names: [NAME, NAME_OF_BUILDS] }));

  describeUnless(lackOfProgram, "k8schain", () => {
    /** Of the resource of each namespace: the garbage collector deletes a Secret without its owner. */
    const uids: Record<string, string> = {};

    beforeAll(async () => {
      for (const namespace of ["shop", "depot"]) {
        await node.api.createNamespace(namespace);
        await node.api.createServiceAccount(namespace, "runner");
        const account = `${namespacePath(namespace)}/serviceaccounts/runner`;
        await node.api.request("PATCH", account, { imagePullSecrets: [{ name: NAME }] });
        const resource = pullSecret({ registries: ["iad.ocir.io"] });
        const { body } = await applied({ ...resource, metadata: { name: NAME, namespace } });
        uids[namespace] = (body["metadata"] as { uid: string }).uid;
        await replaceTokens(namespace, { "iad.ocir.io": `iad-${namespace}`, "fra.ocir.io": `fra-${namespace}` });
      }
      const stale = { username: "somebody", password: "stale" };
      for (const [name, registry] of Object.entries({ [OLD]: "iad.ocir.io", path: "iad.ocir.io/acme" }))
        await node.api.request("POST", `${namespacePath("shop")}/secrets`, loginSecret(name, { [registry]: stale }));
    });

    /** Writes the Secret as the controller does. @param tokens by registry host */
    async function replaceTokens(namespace: string, tokens: Readonly<Record<string, string>>): Promise<void> {
      const times = { fetchedAtMs: 0, expiresAtMs: 3_600_000, renewAtMs: 1_800_000 };
      const issued = Object.entries(tokens).map(
        ([host, token]) => [host, { token: new Secret(token), ...times }] as const,
      );
      const content = { subject: "ocir-pull/1", ownerUid: uids[namespace] ?? "", tokens: new Map(issued), formats: [] };
      await node.api.request("APPLY", secretPath(namespace), secretManifest({ namespace, name: NAME }, content));
    }

    /** What the library finds, one login for each image. */
    async function resolve(args: readonly string[], ...images: readonly string[]): Promise<string[]> {
      const stdout = await node.root.run(PROGRAM, [...args, ...images], { env: ADMIN_ENV });
      return stdout.trimEnd().split("\n");
    }
    const inShop = (secrets: string, image = "iad.ocir.io/acme/web:1") =>
      resolve(["-namespace", "shop", "-secrets", secrets], image);

    it.each(["shop", "depot"])(
      "finds the token of the namespace %s, by the Secret and by the service account",
      async (namespace) => {
        const expected = [`BEARER_TOKEN iad-${namespace}`];
        const image = "iad.ocir.io/acme/web:1";
        expect(await resolve(["-namespace", namespace, "-secrets", NAME], image)).toEqual(expected);
        expect(await resolve(["-namespace", namespace, "-service-account", "runner"], image)).toEqual(expected);
      },
    );

    it("finds the token of each host in one Secret, and none for other hosts", async () => {
      const images = ["iad.ocir.io/a/b", "fra.ocir.io/a/b", "phx.ocir.io/a/b", "iad.ocir.io.example.com/a/b", "alpine"];
      expect(await resolve(["-namespace", "shop", "-secrets", NAME], ...images)).toEqual([
        ...["BEARER_TOKEN iad-shop", "BEARER_TOKEN fra-shop", "anonymous", "anonymous", "anonymous"],
      ]);
    });

    it("uses only the first match, so an old Secret hides ours if it is first or has a path", async () => {
      expect(await inShop(`${OLD},${NAME}`)).toEqual(["somebody stale"]);
      expect(await inShop(`${NAME},${OLD}`)).toEqual(["BEARER_TOKEN iad-shop"]);
      expect(await inShop(`${NAME},path`)).toEqual(["somebody stale"]);
      expect(await inShop(`${NAME},path`, "iad.ocir.io/other/web:1")).toEqual(["BEARER_TOKEN iad-shop"]);
    });

    it("finds the new token after a renewal, and none in an emptied Secret", async () => {
      await replaceTokens("depot", { "iad.ocir.io": "renewed" });
      const lookUp = () => resolve(["-namespace", "depot", "-secrets", NAME], "iad.ocir.io/acme/web:1");
      expect(await lookUp()).toEqual(["BEARER_TOKEN renewed"]);
      await replaceTokens("depot", {});
      expect(await lookUp()).toEqual(["anonymous"]);
    });
  });

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
    return (await applied(manifest)).body.message;
  }

  async function applied(manifest: Manifest): Promise<Response> {
    const query = "?fieldManager=a-person&fieldValidation=Strict";
    let response: Response | undefined;
    const isAnswered = async () => {
      response = await requestAs(node.root)("APPLY", `${await pathOf(manifest)}${query}`, manifest);
      // 404: the definition is not served yet.
      return response.status !== 404;
    };
    await until(`${manifest.kind} is served`, isAnswered, LIMIT_MS);
    return response as Response;
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
