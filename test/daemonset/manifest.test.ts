/** Checks the manifest without a cluster: known fields, least privileges, and no right to move a pod. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type {
  IValidatingAdmissionPolicy,
  IValidatingAdmissionPolicyBinding,
} from "kubernetes-models/admissionregistration.k8s.io/v1";
import { describe, expect, it } from "vitest";
import { errorsOf } from "./kubernetes-schema.ts";
import { daemonSet, type KubernetesObject, lease, objectOf, readManifest } from "./manifest.ts";

describe("cloud-init/daemonset/daemonset.yaml", () => {
  it("is valid for Kubernetes, with known fields only", async () => {
    expect(await errorsOf(readManifest())).toEqual([]);
    const misspelt = structuredClone(objectOf<{ spec: { template: { spec: object } } }>("DaemonSet"));
    misspelt.spec.template.spec = { ...misspelt.spec.template.spec, hostPid: true };
    expect(await errorsOf([misspelt as never])).toEqual([expect.stringContaining("hostPid")]);
  });

  it("grants access to Nodes, Events and one Lease only", () => {
    const rules = readManifest().flatMap((object) => ("rules" in object ? [object.rules] : []));
    expect(rules).toEqual([
      [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "patch"] }],
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

  it("restricts only its own account, by a policy that denies on failure", () => {
    const { metadata, spec } = objectOf<IValidatingAdmissionPolicy>("ValidatingAdmissionPolicy");
    const { namespace, name } = objectOf<KubernetesObject>("ServiceAccount").metadata;
    expect([spec?.failurePolicy, spec?.matchConditions]).toEqual([
      "Fail",
      [{ name: "account", expression: `request.userInfo.username == "system:serviceaccount:${namespace}:${name}"` }],
    ]);
    expect(objectOf<IValidatingAdmissionPolicyBinding>("ValidatingAdmissionPolicyBinding").spec).toEqual({
      policyName: metadata?.name,
      validationActions: ["Deny"],
    });
  });

  it.each(["deploy/helm/ocir-broker/README.md"])("has the namespace that %s makes before helm install", (page) => {
    const { name, labels } = objectOf<{ metadata: { name: string; labels: Record<string, string> } }>(
      "Namespace",
    ).metadata;
    const label = "pod-security.kubernetes.io/enforce";
    const text = readFileSync(join(import.meta.dirname, "../..", page), "utf8");
    const [before = ""] = text.split("helm install ocir-broker ");
    for (const command of [`create namespace ${name}`, `label namespace ${name} ${label}=${labels[label]}`])
      expect(before).toContain(`kubectl ${command}`);
    expect(text).not.toContain("--create-namespace");
  });

  it("sets no Lease holder, so applying it again keeps the holder", () => {
    expect(lease().spec).toBeUndefined();
  });

  it("evicts no pod, and lets a started installation finish", () => {
    const pod = daemonSet().spec?.template.spec;
    const priority = objectOf<{ metadata: { name: string }; preemptionPolicy: string }>("PriorityClass");
    expect([pod?.priorityClassName, priority.preemptionPolicy]).toEqual([priority.metadata.name, "Never"]);
    const seconds = pod?.containers[0]?.env?.find(({ name }) => name === "OCIR_BROKER_LEASE_SECONDS")?.value;
    // An installation takes half, its restoration a tenth, and each another tenth of its time until it is killed.
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(Number(seconds) * (1 / 2 + 1 / 10) * 1.1);
  });
});
