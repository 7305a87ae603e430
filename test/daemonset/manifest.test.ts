/** Checks the manifest without a cluster: known fields, least privileges, and no right to move a pod. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DaemonSet } from "kubernetes-models/apps/v1";
import { Lease } from "kubernetes-models/coordination.k8s.io/v1";
import { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1";
import { PriorityClass } from "kubernetes-models/scheduling.k8s.io/v1";
import { Namespace, ServiceAccount } from "kubernetes-models/v1";
import { describe, expect, it, onTestFinished } from "vitest";
import { daemonSet, type KubernetesObject, lease, objectOf, readManifest } from "./manifest.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const MODELS = {
  Namespace,
  ServiceAccount,
  ClusterRole,
  ClusterRoleBinding,
  Role,
  RoleBinding,
  Lease,
  PriorityClass,
  DaemonSet,
} as const;
const hasShellcheck = spawnSync("shellcheck", ["--version"]).status === 0;

const modelOf = ({ kind }: KubernetesObject) => MODELS[kind as keyof typeof MODELS];

describe("cloud-init/daemonset/daemonset.yaml", () => {
  it.each(readManifest())("$kind is valid by Kubernetes' schema", (object) => {
    const model = new (modelOf(object))(object as never);
    expect([model.apiVersion, model.kind]).toEqual([object.apiVersion, object.kind]);
    expect(() => model.validate()).not.toThrow();
  });

  it("has no field that Kubernetes does not know", () => {
    const folder = join(CHECKOUT, "dist/test-daemonset-manifest");
    onTestFinished(() => rmSync(folder, { recursive: true }));
    expect(unknownFields(folder, readManifest())).toBe("");
    const misspelt = structuredClone(objectOf<{ spec: { template: { spec: object } } }>("DaemonSet"));
    misspelt.spec.template.spec = { ...misspelt.spec.template.spec, hostPid: true };
    expect(unknownFields(folder, [misspelt as never])).toContain("hostPid");
  });

  it("grants nodes, the list of pods, Events, and one Lease, and nothing else", () => {
    const rules = readManifest().flatMap((object) => ("rules" in object ? [object.rules] : []));
    expect(rules).toEqual([
      [
        { apiGroups: [""], resources: ["nodes"], verbs: ["get", "patch"] },
        { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
      ],
      [
        {
          apiGroups: ["coordination.k8s.io"],
          resources: ["leases"],
          resourceNames: [lease().metadata?.name],
          verbs: ["get", "patch"],
        },
      ],
      [{ apiGroups: [""], resources: ["events"], verbs: ["create"] }],
    ]);
    expect(objectOf<KubernetesObject>("ServiceAccount")).toMatchObject({ automountServiceAccountToken: false });
  });

  it("names no holder of the Lease, so that applying it again takes no turn away", () => {
    expect(lease().spec).toBeUndefined();
  });

  it("evicts nobody and waits for an installation that has begun", () => {
    const pod = daemonSet().spec?.template.spec;
    const priority = objectOf<{ metadata: { name: string }; preemptionPolicy: string }>("PriorityClass");
    expect([pod?.priorityClassName, priority.preemptionPolicy]).toEqual([priority.metadata.name, "Never"]);
    const seconds = pod?.containers[0]?.env?.find(({ name }) => name === "OCIR_BROKER_LEASE_SECONDS")?.value;
    // Two thirds, and another tenth until it is killed.
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(Number(seconds) * (2 / 3 + 1 / 10));
  });
});

describe("cloud-init/daemonset/daemonset.sh", () => {
  const script = join(CHECKOUT, "cloud-init/daemonset/daemonset.sh");

  it.skipIf(!hasShellcheck)("passes shellcheck", () => {
    expect(spawnSync("shellcheck", [script], { encoding: "utf8" }).stdout).toBe("");
  });

  it("is read by any sh", () => {
    execFileSync("sh", ["-n", script]);
    execFileSync("bash", ["-n", script]);
  });
});

/** The schemas allow unknown fields; the types derived from them do not. */
function unknownFields(folder: string, objects: readonly KubernetesObject[]): string {
  mkdirSync(folder, { recursive: true });
  const lines = objects.map((object, index) => {
    const group = object.apiVersion === "v1" ? "v1" : object.apiVersion;
    return `import type { I${object.kind} as T${index} } from "kubernetes-models/${group}";
export const object${index}: T${index} = ${JSON.stringify(object)};\n`;
  });
  writeFileSync(join(folder, "manifest.ts"), lines.join(""));
  const options = ["--noEmit", "--ignoreConfig", "--strict", "--skipLibCheck", "--module", "nodenext"];
  const tsc = spawnSync(join(CHECKOUT, "node_modules/.bin/tsc"), [...options, join(folder, "manifest.ts")]);
  return tsc.stdout.toString();
}
