/** Both charts pass the linters, have metadata for Artifact Hub, and are packed for a release. */
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import api from "@ocir-broker/protocol/pull-secret-api" with { type: "json" };
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import type { IDeployment } from "kubernetes-models/apps/v1";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import cliPackage from "../../packages/cli/package.json" with { type: "json" };
import { makeHelmChart } from "../../packages/packaging/src/formats/helm-chart.ts";
import { errorsOf } from "../daemonset/kubernetes-schema.ts";
import { objectsIn } from "../daemonset/manifest.ts";
import { chartNamed, optionsFor } from "./helm/chart.ts";
import { buildHelm, HELM, lackOfHelm } from "./helm/helm-program.ts";

const CHARTS = join(import.meta.dirname, "../../deploy/helm");
const DIGEST = `sha256:${"0".repeat(64)}`;
/** `.ci/install-tools` installs it with its rules. */
const CT_RULES = "/usr/local/etc/ct";
const hasCt = spawnSync("ct", ["version"]).status === 0;

/** For each object that is there only with a value. */
const OF_OPTIONAL_OBJECTS = {
  "ocir-broker": { serviceAccountTokens: { audiences: ["ocir"] } },
  "ocir-pull-secrets": {
    identity: { type: "controller", namespaces: ["shop"] },
    podDisruptionBudget: { maxUnavailable: 1 },
    podMonitor: { enabled: true },
    "networkPolicy.prometheusNamespace": "monitoring",
  },
};

const text = { type: "string", minLength: 1 };
const url = { type: "string", format: "uri" };
const listOf = (properties: Record<string, object>) => ({
  type: "array",
  minItems: 1,
  items: { type: "object", properties, required: Object.keys(properties), additionalProperties: false },
});
/** The types in Artifact Hub's documentation (https://artifacthub.io/docs/topics/annotations/helm) of what we use. */
const ANNOTATIONS = {
  category: { enum: ["security"] },
  license: { enum: ["Apache-2.0"] },
  prerelease: { type: "boolean" },
  images: listOf({
    name: text,
    image: { type: "string", pattern: `^ghcr\\.io/[\\w/.-]+:[\\w.-]+@sha256:[0-9a-f]{64}$` },
    platforms: { const: ["linux/amd64", "linux/arm64"] },
  }),
  signKey: { type: "object", properties: { fingerprint: text, url }, required: ["fingerprint", "url"] },
  crds: listOf({ kind: text, version: text, name: text, displayName: text, description: text }),
  crdsExamples: listOf({ apiVersion: text, kind: text, metadata: { type: "object" }, spec: { type: "object" } }),
};
const METADATA = {
  type: "object",
  properties: { home: url, icon: url, sources: { type: "array", minItems: 1, items: url }, kubeVersion: text },
  required: ["home", "icon", "sources", "kubeVersion", "maintainers"],
};

describe.skipIf(lackOfHelm !== "").each(["ocir-broker", "ocir-pull-secrets"] as const)(
  `deploy/helm/%s${lackOfHelm}`,
  (name) => {
    const chart = join(CHARTS, name);
    const { template, refusalOf } = chartNamed(name, "registry.example.com/image");
    const ciValues = globSync("ci/*-values.yaml", { cwd: chart }).map((file) => join(chart, file));

    beforeAll(buildHelm, 600_000);

    it("passes lint without a remark, and has the version of the release", () => {
      expect(ciValues).not.toEqual([]);
      const ofRelease = ["--set", `image.digest=${DIGEST}`];
      for (const given of [ofRelease, ...ciValues.map((values) => ["--values", values])]) {
        const lint = spawnSync(HELM, ["lint", "--strict", chart, ...given], { encoding: "utf8" });
        expect([lint.status, lint.stdout.match(/\[\w+\].*/g)], lint.stdout).toEqual([0, null]);
      }
      const { version, appVersion } = parse(readFileSync(join(chart, "Chart.yaml"), "utf8"));
      expect([version, appVersion]).toEqual([cliPackage.version, cliPackage.version]);
    });

    it("renames, labels and annotates every object, and gives the pods what the values say", async () => {
      const values = {
        nameOverride: "renamed",
        commonLabels: { team: "platform" },
        commonAnnotations: { "example.com/owner": "platform" },
        podLabels: { tier: "pulls" },
        podAnnotations: { "example.com/scrape": "false" },
        priorityClassName: "system-node-critical",
        tolerations: [{ key: "gpu", operator: "Exists" }],
        nodeSelector: { pool: "system" },
        imagePullSecrets: [{ name: "mirror" }],
        extraEnv: [{ name: "HTTPS_PROXY", value: "http://proxy.example:3128" }],
        image: { repository: "registry.example.com/image", digest: DIGEST, tag: "canary", pullPolicy: "Always" },
        prometheusRule: { enabled: true },
        dashboard: { enabled: true },
      };
      const objects = objectsIn(template(...optionsFor({ ...values, ...OF_OPTIONAL_OBJECTS[name] })));
      const known = objects.filter(({ apiVersion }) => apiVersion !== "monitoring.coreos.com/v1");
      expect(await errorsOf(known)).toEqual([]);
      const fixed: Readonly<Record<string, string>> = {
        CustomResourceDefinition: `ocirpullsecrets.${api.group}`,
        Lease: name,
      };
      for (const { kind, metadata } of objects) {
        expect(metadata, kind).toMatchObject({
          name: fixed[kind] ?? expect.stringMatching(/^renamed/),
          labels: values.commonLabels,
          annotations: values.commonAnnotations,
        });
      }
      const bound = /"kind":"ServiceAccount","name":"([^"]+)"|system:serviceaccount:[\w-]+:([^"\\]+)/g;
      const accounts = [...JSON.stringify(objects).matchAll(bound)].map(([, account, user]) => account ?? user);
      expect(new Set(accounts).size).toBe(1);
      expect(accounts[0]).toMatch(/^renamed/);
      const workload = objects.find(({ kind }) => kind === "DaemonSet" || kind === "Deployment");
      const { template: ofPods, selector } = (workload as unknown as IDeployment).spec ?? expect.unreachable("no spec");
      expect(ofPods.metadata?.labels).toMatchObject({ ...selector.matchLabels, ...values.podLabels });
      expect(ofPods.metadata?.annotations).toEqual(values.podAnnotations);
      expect(ofPods.spec).toMatchObject({
        serviceAccountName: accounts[0],
        priorityClassName: values.priorityClassName,
        nodeSelector: { ...values.nodeSelector, "kubernetes.io/os": "linux" },
        tolerations: values.tolerations,
        imagePullSecrets: values.imagePullSecrets,
        containers: [{ imagePullPolicy: "Always", env: expect.arrayContaining(values.extraEnv) }],
      });
    });

    it("has the alerts and the dashboard of the folder monitoring, and the labels of a value on the alerts", () => {
      const rule = { enabled: true, labels: { release: "prometheus" } };
      const objects = objectsIn(template(...optionsFor({ prometheusRule: rule, "dashboard.enabled": true })));
      const monitoring = (file: string) => readFileSync(join(CHARTS, "../../monitoring", file), "utf8");
      expect(objects.find(({ kind }) => kind === "PrometheusRule")).toMatchObject({
        metadata: { labels: rule.labels },
        spec: parse(monitoring(`${name}.rules.yaml`)),
      });
      const dashboard = { "ocir-broker.json": monitoring("ocir-broker.dashboard.json") };
      expect(objects.find(({ kind }) => kind === "ConfigMap")).toMatchObject({ data: dashboard });
    });

    it.each([
      ["image.digest=latest", "/image/digest"],
      ["image.tag=a b", "/image/tag"],
      ["image.repository=", "image.repository is not set: name the repository"],
      ["image.repository=https://iad.ocir.io/a", "image.repository is https://iad.ocir.io/a: give the name alone"],
      ["image.repository=iad.ocir.io/acme/a:1.0", "image.repository is iad.ocir.io/acme/a:1.0: give the name alone"],
    ])("rejects %s", (value, place) => {
      expect(refusalOf("--set", value)).toContain(place);
    });

    it.skipIf(!hasCt)(`passes ct lint${hasCt ? "" : " (skipped: needs ct)"}`, () => {
      const rules = [`--lint-conf=${CT_RULES}/lintconf.yaml`, `--chart-yaml-schema=${CT_RULES}/chart_schema.yaml`];
      // These two ask the forge.
      const off = ["--validate-maintainers=false", "--check-version-increment=false"];
      const env = { ...process.env, PATH: `${dirname(HELM)}${delimiter}${process.env["PATH"]}` };
      const { status, stdout } = spawnSync("ct", ["lint", "--charts", chart, ...rules, ...off], {
        env,
        encoding: "utf8",
      });
      expect(status, stdout).toBe(0);
    });

    it("is packed for a release with its digest, its group and Artifact Hub's metadata", async () => {
      const output = temporaryFolder();
      const hasApi = name === "ocir-pull-secrets";
      const content = {
        ...{ name, imageDigest: DIGEST, alertRules: "groups: []\n" },
        ...(hasApi && { api: JSON.stringify({ ...api, group: "pulls.example" }) }),
      };
      const release = { version: "1.2.3-rc.1", epochS: 1_790_000_000 };
      const packed = join(output, await makeHelmChart(release, content, { work: join(output, "work"), output }));
      const show = (what: string) => execFileSync(HELM, ["show", what, packed], { encoding: "utf8" });
      const values = ["--values", ciValues.find((path) => path.includes("default")) ?? ""];
      const rendered = execFileSync(HELM, ["template", "x", packed, ...values], { encoding: "utf8" });
      expect(rendered).toMatch(new RegExp(`image: "?registry\\.example\\.com/\\S+@${DIGEST}"?\n`));
      expect(show("readme")).toMatch(/\]\(https:\/\/github\.com\/[\w-]+\/ocir-broker\/blob\/v1\.2\.3-rc\.1\//);
      expect(show("readme")).not.toContain("](../../..");
      const metadata = parse(show("chart"));
      expect(metadata).toMatchObject({ version: "1.2.3-rc.1", appVersion: "1.2.3-rc.1" });
      const annotations = Object.fromEntries(
        Object.entries(metadata.annotations).map(([key, value]) => [
          key.replace("artifacthub.io/", ""),
          parse(String(value)),
        ]),
      );
      const ajv = addFormats.default(new Ajv());
      const schema = { type: "object", properties: ANNOTATIONS, additionalProperties: false };
      expect([ajv.validate(METADATA, metadata), ajv.errors]).toEqual([true, null]);
      expect([ajv.validate(schema, annotations), ajv.errors]).toEqual([true, null]);
      expect(annotations).toMatchObject({
        prerelease: true,
        signKey: { url: expect.stringContaining("/v1.2.3-rc.1/") },
      });
      if (!hasApi) return;
      expect(rendered).toContain("group: pulls.example\n");
      expect(annotations["crds"][0].name).toBe("ocirpullsecrets.pulls.example");
      expect(annotations["crdsExamples"][0].apiVersion).toBe(`pulls.example/${api.version}`);
    });
  },
);
