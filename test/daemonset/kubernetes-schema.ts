/** Judges objects by Kubernetes' own schemas and types. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "kubernetes-models/admissionregistration.k8s.io/v1";
import { CustomResourceDefinition } from "kubernetes-models/apiextensions.k8s.io/v1";
import { DaemonSet, Deployment } from "kubernetes-models/apps/v1";
import { Lease } from "kubernetes-models/coordination.k8s.io/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1";
import { PriorityClass } from "kubernetes-models/scheduling.k8s.io/v1";
import { ConfigMap, Namespace, Pod, ServiceAccount } from "kubernetes-models/v1";
import type { KubernetesObject } from "./manifest.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const POLICY = { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding };
const CLUSTER = { ClusterRole, ClusterRoleBinding, CustomResourceDefinition, Namespace, PriorityClass };
const PODS = { DaemonSet, Deployment, Pod, PodDisruptionBudget };
const MODELS = { ...POLICY, ...CLUSTER, ...PODS, ConfigMap, Lease, NetworkPolicy, Role, RoleBinding, ServiceAccount };

/** Empty if every object is valid and has no unknown field. The schemas allow those; the types derived from them do not. */
export function errorsOf(objects: readonly KubernetesObject[]): string[] {
  return [...objects.flatMap(schemaErrors), unknownFields(objects)].filter(Boolean);
}

function schemaErrors(object: KubernetesObject): string[] {
  const Model = MODELS[object.kind as keyof typeof MODELS];
  if (Model === undefined) return [`${object.kind} is of no known kind`];
  try {
    const model = new Model(object as never);
    model.validate();
    return model.apiVersion === object.apiVersion ? [] : [`${object.kind} has apiVersion ${object.apiVersion}`];
  } catch (error) {
    return [`${object.kind} ${object.metadata.name}: ${error}`];
  }
}

function unknownFields(objects: readonly KubernetesObject[]): string {
  const folder = join(CHECKOUT, `dist/test-manifest-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    const lines = objects.map(
      (object, index) => `import type { I${object.kind} as T${index} } from "kubernetes-models/${object.apiVersion}";
export const object${index}: T${index} = ${JSON.stringify(object)};\n`,
    );
    writeFileSync(join(folder, "manifest.ts"), lines.join(""));
    const options = ["--noEmit", "--ignoreConfig", "--strict", "--skipLibCheck", "--module", "nodenext"];
    const tsc = spawnSync(join(CHECKOUT, "node_modules/.bin/tsc"), [...options, join(folder, "manifest.ts")]);
    return tsc.stdout.toString();
  } finally {
    rmSync(folder, { recursive: true });
  }
}
