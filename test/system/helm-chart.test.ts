/** The Helm chart with the real helm: valid objects for all values, refused values, and the manifest that comes from it. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkConfig } from "@ocir-broker/credentials/config/load";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments, stringify } from "yaml";
import { errorsOf } from "../daemonset/kubernetes-schema.ts";
import { type KubernetesObject, MANIFEST } from "../daemonset/manifest.ts";
import { buildHelm, HELM, lackOfHelm } from "./helm/helm-program.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const CHART = join(CHECKOUT, "deploy/helm/ocir-broker");
const README = join(CHART, "README.md");
/** For the manifest, in which it is replaced by hand. */
const REPOSITORY = "registry.invalid/ocir-broker-daemonset";
const DIGEST = `sha256:${"0".repeat(64)}`;
const WITH_IMAGE = ["--set-json", `image.repository="${REPOSITORY}"`];
const AUDIENCE = "https://kubernetes.default.svc.cluster.local";
interface Metadata {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface DaemonSetSpec {
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly updateStrategy: object;
  readonly template: { readonly metadata: Metadata; readonly spec: object };
}

/** Of the test's pod, and of a DaemonSet with its template. */
interface PodSpec {
  readonly nodeSelector?: object;
  readonly affinity?: { readonly nodeAffinity: object };
  readonly template?: { readonly spec: PodSpec };
}

const HEADER = `# Installs ocir-broker on existing nodes, one at a time. See README.md in this folder.
#
# Generated from the chart in deploy/helm/ocir-broker with its default values, by npm run docs. For other values, use the chart.
#
# BEFORE YOU APPLY IT: the image must be in a PUBLIC repository, or on the nodes already. These nodes have no credentials for a
# private repository before the installation.
apiVersion: v1
kind: Namespace
metadata:
  name: ocir-broker
  labels:
    # The pods enter the node: privileged, hostPID, hostNetwork. Run nothing else in this namespace.
    pod-security.kubernetes.io/enforce: privileged
    pod-security.kubernetes.io/warn: privileged
    pod-security.kubernetes.io/audit: privileged
`;

describe.skipIf(lackOfHelm !== "")(`deploy/helm/ocir-broker${lackOfHelm}`, () => {
  beforeAll(buildHelm, 600_000);

  const helm = (...args: string[]) => spawnSync(HELM, args, { encoding: "utf8" });

  function template(...args: string[]): string {
    const all = ["template", "ocir-broker", CHART, "--namespace", "ocir-broker", ...WITH_IMAGE, ...args];
    return execFileSync(HELM, all, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  }

  const objectsOf = (text: string) => parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);

  it("is the source of the manifest", async () => {
    const manifest = HEADER + template("--no-hooks").replace(/^# Source: .*\n/gm, "");
    await expect(manifest).toMatchFileSnapshot(MANIFEST);
  });

  it("renders valid objects that apply every value", () => {
    const values = {
      image: { repository: "registry.example:5000/acme/ocir-broker-daemonset", digest: DIGEST, pullPolicy: "Always" },
      lease: { seconds: 300 },
      kubelet: { restart: "whenIdle" },
      mode: "remove",
      nodeAffinity: [{ key: "pool", operator: "NotIn", values: ["batch"] }],
      tolerations: [{ key: "gpu", operator: "Exists" }],
      serviceAccountTokens: { audiences: [AUDIENCE], setUpNodes: true },
      prometheusRule: { enabled: true, labels: { release: "prometheus" } },
      dashboard: { enabled: true },
    };
    const given = Object.entries(values).flatMap(([name, value]) => ["--set-json", `${name}=${JSON.stringify(value)}`]);
    const objects = objectsOf(template(...given));
    const [rules, ...known] = objects.toSorted(({ kind }) => (kind === "PrometheusRule" ? -1 : 1));
    expect(errorsOf(known)).toEqual([]);
    const monitoring = (file: string) => readFileSync(join(CHECKOUT, "monitoring", file), "utf8");
    expect(rules).toMatchObject({
      metadata: { labels: { release: "prometheus" } },
      spec: parse(monitoring("ocir-broker.rules.yaml")),
    });
    const [dashboard] = known.filter(({ kind }) => kind === "ConfigMap") as never as [{ data: Record<string, string> }];
    expect(JSON.parse(dashboard.data["ocir-broker.json"] ?? "")).toEqual(
      JSON.parse(monitoring("ocir-broker.dashboard.json")),
    );
    expect(known.flatMap((object) => ("rules" in object ? object.rules : []))).toEqual(
      expect.arrayContaining([
        { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
        { apiGroups: [""], resources: [AUDIENCE], verbs: ["request-serviceaccounts-token-audience"] },
      ]),
    );
    const [daemonSet] = known.filter(({ kind }) => kind === "DaemonSet");
    const text = JSON.stringify(daemonSet);
    for (const part of [
      `"image":"${values.image.repository}@${DIGEST}","imagePullPolicy":"Always"`,
      '"terminationGracePeriodSeconds":240',
      '"name":"OCIR_BROKER_LEASE_SECONDS","value":"300"',
      '"name":"OCIR_BROKER_KUBELET_RESTART","value":"whenIdle"',
      '"name":"OCIR_BROKER_MODE","value":"remove"',
      `"name":"OCIR_BROKER_SERVICE_ACCOUNTS","value":"${AUDIENCE}"`,
      JSON.stringify(values.nodeAffinity[0]),
      `"tolerations":${JSON.stringify(values.tolerations)}`,
    ])
      expect(text).toContain(part);
  });

  it("renders nothing without image.repository, and names the value", () => {
    const { status, stderr } = helm("template", "ocir-broker", CHART);
    expect([status, stderr]).toEqual([1, expect.stringContaining("image.repository is not set: name the repository")]);
  });

  it("gives the nodes the configuration of the README, as the daemon reads it", () => {
    const [, example = ""] =
      /## The nodes' configuration\n.*?```yaml\n(.*?)```/s.exec(readFileSync(README, "utf8")) ?? [];
    const values = join(temporaryFolder(), "values.yaml");
    writeFileSync(values, example);
    const configIn = (...args: string[]) => /OCIR_BROKER_CONFIG\n +value: (".*")/.exec(template(...args))?.[1];
    const text = JSON.parse(configIn("--values", values) ?? "");
    expect(checkConfig(text)).toEqual(checkConfig(stringify(parse(example).config)));
    expect(checkConfig(text)).toMatchObject({ config: { proxy: { https: "http://proxy.example:3128" } } });
    expect(configIn("--set-json", "config={}")).toBe('"{}"');
    expect(configIn()).toBeUndefined();
    const escaped = configIn("--set-json", 'config={"proxy":{"https":"http://u:$(OCIR_BROKER_MODE)$$@proxy.example"}}');
    expect(escaped).toContain("u:$$(OCIR_BROKER_MODE)$$$$@");
  });

  it.each([
    ["renders", 131_052, 0],
    ["rejects", 131_053, 1],
  ])("%s a configuration of %i bytes", (_, bytes, status) => {
    const host = "a".repeat(bytes - "registries:\n  extraHosts:\n  - ".length);
    const values = join(temporaryFolder(), "values.json");
    writeFileSync(values, JSON.stringify({ config: { registries: { extraHosts: [host] } } }));
    const run = helm("template", "ocir-broker", CHART, ...WITH_IMAGE, "--values", values);
    expect(run.status).toBe(status);
    if (status === 1) expect(run.stderr).toContain("config is longer than 131052 bytes");
  });

  it("renames, labels and annotates every object but the Lease, and needs no PriorityClass if there is one", () => {
    const values = {
      nameOverride: "pull-credentials",
      commonLabels: { team: "platform" },
      commonAnnotations: { "example.com/owner": "platform" },
      podLabels: { tier: "node" },
      podAnnotations: { "example.com/scrape": "false" },
      priorityClassName: "system-node-critical",
      updateStrategy: { type: "OnDelete", rollingUpdate: null },
      imagePullSecrets: [{ name: "mirror" }],
      extraEnv: [{ name: "HTTPS_PROXY", value: "http://proxy.example:3128" }],
      image: { repository: REPOSITORY, digest: DIGEST, tag: "canary" },
      test: { image: "registry.example/doctor:1" },
      serviceAccountTokens: { audiences: [AUDIENCE] },
      prometheusRule: { enabled: true, labels: { release: "prometheus" } },
      dashboard: { enabled: true },
    };
    const given = Object.entries(values).flatMap(([name, value]) => ["--set-json", `${name}=${JSON.stringify(value)}`]);
    const text = template(...given);
    const objects = objectsOf(text) as never as { kind: string; metadata: Metadata; spec: Record<string, unknown> }[];
    expect(errorsOf((objects as never as KubernetesObject[]).filter(({ kind }) => kind !== "PrometheusRule"))).toEqual(
      [],
    );
    for (const { kind, metadata } of objects) {
      expect([kind, metadata.name]).toEqual([
        kind,
        kind === "Lease" ? "ocir-broker" : expect.stringMatching(/^pull-cred/),
      ]);
      expect(metadata).toMatchObject({ labels: values.commonLabels, annotations: values.commonAnnotations });
    }
    expect(objects.map(({ kind }) => kind)).not.toContain("PriorityClass");
    const bound = /serviceAccountName: (\S+)|system:serviceaccount:ocir-broker:([^"]+)/g;
    expect([...text.matchAll(bound)].map(([, name, user]) => name ?? user)).toEqual(
      Array(2).fill("pull-credentials-daemonset"),
    );
    const [spec] = objects.flatMap((each) => (each.kind === "DaemonSet" ? [each.spec as never as DaemonSetSpec] : []));
    const { template: podTemplate, updateStrategy, selector } = spec ?? expect.unreachable("no DaemonSet");
    expect(updateStrategy).toEqual({ type: "OnDelete" });
    expect(podTemplate.metadata.labels).toMatchObject({ ...selector.matchLabels, ...values.podLabels });
    expect(podTemplate.metadata.annotations).toEqual(values.podAnnotations);
    expect(podTemplate.spec).toMatchObject({
      priorityClassName: "system-node-critical",
      imagePullSecrets: values.imagePullSecrets,
      containers: [{ image: `${REPOSITORY}:canary`, env: expect.arrayContaining(values.extraEnv) }],
    });
    expect(text).toContain("image: registry.example/doctor:1\n");
  });

  it("omits the admission policy on an older cluster only when a value says so", () => {
    const old = ["--kube-version", "1.29.0"];
    const { status, stderr } = helm("template", "ocir-broker", CHART, ...WITH_IMAGE, ...old);
    expect([status, stderr]).toEqual([1, expect.stringContaining("needs Kubernetes 1.30 or newer")]);
    const off = ["--set", "admissionPolicy.enabled=false"];
    const kinds = objectsOf(template(...old, ...off)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind.startsWith("ValidatingAdmission"))).toEqual([]);
    const notes = helm("install", "ocir-broker", CHART, "--dry-run=client", ...WITH_IMAGE, ...off).stdout;
    expect(notes).toContain("WARNING: admissionPolicy.enabled is false");
  });

  it("runs the test on the DaemonSet's nodes, if possible on one that is installed", () => {
    const canary = { key: "canary", operator: "Exists" };
    const objects = objectsOf(template("--set-json", `nodeAffinity=${JSON.stringify([canary])}`));
    const podOf = (kind: string) => objects.find((each) => each.kind === kind) as never as { spec: PodSpec };
    const daemonSet = podOf("DaemonSet").spec.template?.spec;
    const { affinity, nodeSelector } = podOf("Pod").spec;
    expect(nodeSelector).toEqual(daemonSet?.nodeSelector);
    expect(affinity?.nodeAffinity).toMatchObject(daemonSet?.affinity?.nodeAffinity ?? {});
    expect(JSON.stringify(affinity)).toContain(JSON.stringify(canary));
    expect(affinity?.nodeAffinity).toMatchObject({
      preferredDuringSchedulingIgnoredDuringExecution: [
        { preference: { matchExpressions: [{ key: "ocir-broker/state", operator: "In", values: ["installed"] }] } },
      ],
    });
  });

  it.each([
    ["kubelet.restart=now", "/kubelet/restart"],
    ["mode=uninstall", "/mode"],
    ["lease.seconds=29", "/lease/seconds"],
    ["image.digest=latest", "/image/digest"],
    ["kubelet.reboot=never", "reboot"],
    ["admissionPolicy.enabled=no", "/admissionPolicy/enabled"],
    ["serviceAccountTokens.setUpNodes=true", "/serviceAccountTokens/audiences"],
    [
      "image.repository=https://iad.ocir.io/acme/a",
      "image.repository is https://iad.ocir.io/acme/a: give the name alone",
    ],
    ["image.repository=iad.ocir.io/acme/a:1.0", "image.repository is iad.ocir.io/acme/a:1.0: give the name alone"],
    ["extraEnv[0].name=OCIR_BROKER_NODE", "extraEnv has OCIR_BROKER_NODE: "],
    ["nameOverride=A b", "/nameOverride"],
    ["config.proxy.http=http://proxy.example:3128", "/config/proxy': additional properties 'http'"],
    ["config.log.level=loud", "/config/log/level"],
    ["config.upstream.caFile=ca.pem", "/config/upstream/caFile"],
  ])("rejects %s", (value, place) => {
    const { status, stderr } = helm("template", "ocir-broker", CHART, ...WITH_IMAGE, "--set", value);
    expect([status, stderr]).toEqual([1, expect.stringContaining(place)]);
  });
});
