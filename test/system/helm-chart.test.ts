/** The Helm chart with the real helm: valid objects for all values, refused values, and the manifest that comes from it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkConfig } from "@ocir-broker/config/load";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import type { IDaemonSet } from "kubernetes-models/apps/v1";
import type { IPod } from "kubernetes-models/v1";
import { beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { errorsOf } from "../daemonset/kubernetes-schema.ts";
import { type KubernetesObject, MANIFEST, objectsIn } from "../daemonset/manifest.ts";
import { chartNamed, optionsFor } from "./helm/chart.ts";
import { buildHelm, lackOfHelm } from "./helm/helm-program.ts";

/** For the manifest, in which it is replaced by hand. */
const REPOSITORY = "registry.invalid/ocir-broker-daemonset";
const DIGEST = `sha256:${"0".repeat(64)}`;
const AUDIENCE = "https://kubernetes.default.svc.cluster.local";
const { folder, template, refusalOf, notes } = chartNamed("ocir-broker", REPOSITORY);

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

  const daemonSetIn = (objects: readonly KubernetesObject[]) =>
    objects.find(({ kind }) => kind === "DaemonSet") as unknown as IDaemonSet;

  it("is the source of the manifest", async () => {
    const manifest = HEADER + template("--no-hooks").replace(/^# Source: .*\n/gm, "");
    await expect(manifest).toMatchFileSnapshot(MANIFEST);
  });

  it("renders valid objects that apply every value", async () => {
    const values = {
      image: { repository: "registry.example:5000/acme/ocir-broker-daemonset", digest: DIGEST },
      lease: { seconds: 300 },
      kubelet: { restart: "oneByOne" },
      mode: "remove",
      nodeAffinity: [{ key: "pool", operator: "NotIn", values: ["batch"] }],
      serviceAccountTokens: { audiences: [AUDIENCE], setUpNodes: true },
    };
    const objects = objectsIn(template(...optionsFor(values)));
    expect(await errorsOf(objects)).toEqual([]);
    expect(objects.flatMap((object) => ("rules" in object ? object.rules : []))).toEqual(
      expect.arrayContaining([
        { apiGroups: [""], resources: [AUDIENCE], verbs: ["request-serviceaccounts-token-audience"] },
      ]),
    );
    const text = JSON.stringify(daemonSetIn(objects));
    for (const part of [
      `"image":"${values.image.repository}@${DIGEST}"`,
      '"terminationGracePeriodSeconds":240',
      '"name":"OCIR_BROKER_LEASE_SECONDS","value":"300"',
      '"name":"OCIR_BROKER_KUBELET_RESTART","value":"oneByOne"',
      '"name":"OCIR_BROKER_MODE","value":"remove"',
      `"name":"OCIR_BROKER_SERVICE_ACCOUNTS","value":"${AUDIENCE}"`,
      JSON.stringify(values.nodeAffinity[0]),
    ])
      expect(text).toContain(part);
  });

  it("has no image.repository by default, so one that is not set is refused as an empty one", () => {
    expect(parse(readFileSync(join(folder, "values.yaml"), "utf8")).image.repository).toBe("");
  });

  it("gives the nodes the configuration of the README, as the daemon reads it", () => {
    const [, example = ""] =
      /## The nodes' configuration\n.*?```yaml\n(.*?)```/s.exec(readFileSync(join(folder, "README.md"), "utf8")) ?? [];
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
    ["renders", 131_052, template, "OCIR_BROKER_CONFIG"],
    ["rejects", 131_053, refusalOf, "config is longer than 131052 bytes"],
  ])("%s a configuration of %i bytes", (_, bytes, resultOf, text) => {
    const host = "a".repeat(bytes - "registries:\n  extraHosts:\n  - ".length);
    const values = join(temporaryFolder(), "values.json");
    writeFileSync(values, JSON.stringify({ config: { registries: { extraHosts: [host] } } }));
    expect(resultOf("--values", values)).toContain(text);
  });

  it("takes a tag, an update strategy, an image for its test, and a PriorityClass in place of its own", () => {
    const values = {
      priorityClassName: "system-node-critical",
      updateStrategy: { type: "OnDelete", rollingUpdate: null },
      image: { repository: REPOSITORY, digest: DIGEST, tag: "canary" },
      test: { image: "registry.example/doctor:1" },
    };
    const text = template(...optionsFor(values));
    const objects = objectsIn(text);
    expect(objects.map(({ kind }) => kind)).not.toContain("PriorityClass");
    expect(daemonSetIn(objects).spec).toMatchObject({
      updateStrategy: { type: "OnDelete" },
      template: { spec: { containers: [{ image: `${REPOSITORY}:canary` }] } },
    });
    expect(daemonSetIn(objects).spec?.updateStrategy).not.toHaveProperty("rollingUpdate");
    expect(text).toContain("image: registry.example/doctor:1\n");
  });

  it("omits the admission policy on an older cluster only when a value says so", () => {
    const old = ["--kube-version", "1.29.0"];
    expect(refusalOf(...old)).toContain("needs Kubernetes 1.30 or newer");
    const off = ["--set", "admissionPolicy.enabled=false"];
    const kinds = objectsIn(template(...old, ...off)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind.startsWith("ValidatingAdmission"))).toEqual([]);
    expect(notes(...off)).toContain("WARNING: admissionPolicy.enabled is false");
  });

  it("runs the test on the DaemonSet's nodes, if possible on one that is installed", () => {
    const canary = { key: "canary", operator: "Exists" };
    const objects = objectsIn(template(...optionsFor({ nodeAffinity: [canary], nodeSelector: { pool: "general" } })));
    const daemonSet = daemonSetIn(objects).spec?.template.spec;
    const pod = objects.find(({ kind }) => kind === "Pod") as unknown as IPod;
    const { affinity, nodeSelector } = pod.spec ?? {};
    expect(nodeSelector).toEqual({ "kubernetes.io/os": "linux", pool: "general" });
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
    ["kubelet.reboot=never", "reboot"],
    ["kubelet.restart=whenIdle", "oneByOne"],
    ["admissionPolicy.enabled=no", "/admissionPolicy/enabled"],
    ["serviceAccountTokens.setUpNodes=true", "serviceAccountTokens.setUpNodes=true needs exactly one audience"],
    ["serviceAccountTokens.setUpNodes=true,serviceAccountTokens.audiences={a,b}", "audiences, which has 2"],
    ["resources.limits.memory=512", "resources.limits.memory is 512: give at least 20Mi, with a unit"],
    ["extraEnv[0].name=OCIR_BROKER_NODE", "extraEnv has OCIR_BROKER_NODE: "],
    ["nameOverride=A b", "/nameOverride"],
    ["updateStrategy.rollingUpdate.maxSurge=1", "/updateStrategy/rollingUpdate/maxSurge"],
    ["config.proxy.http=http://proxy.example:3128", "/config/proxy': additional properties 'http'"],
    ["config.log.level=loud", "/config/log/level"],
    ["config.upstream.caFile=ca.pem", "/config/upstream/caFile"],
  ])("rejects %s", (value, place) => {
    expect(refusalOf("--set", value)).toContain(place);
  });
});
