/** The objects of pull secrets, as their owners and the controller write them. */
import type { V1ObjectMeta, V1OwnerReference, V1Secret } from "@kubernetes/client-node";
import api from "@ocir-broker/protocol/pull-secret-api" with { type: "json" };
import { ADMIN_ENV, namespacePath } from "./kubernetes-api.ts";
import type { KubernetesNode } from "./kubernetes-node.ts";

export const NAME = "ocir-pull";
export const RELEASE_NAMESPACE = "ocir-pull-secrets";
export const CONTROLLER = `system:serviceaccount:${RELEASE_NAMESPACE}:ocir-pull-secrets`;
export const API_VERSION = `${api.group}/${api.version}`;
export const FIELD_MANAGER = "ocir-broker";
export const LABELS = { "app.kubernetes.io/managed-by": FIELD_MANAGER };
export const CHART = "/opt/checkout/deploy/helm/ocir-pull-secrets";

export function resourcesPath(namespace: string): string {
  return `/apis/${API_VERSION}/namespaces/${namespace}/ocirpullsecrets`;
}

export function pullSecret(spec: object, metadata: object = {}) {
  return { apiVersion: API_VERSION, kind: "OCIRPullSecret", metadata: { name: NAME, ...metadata }, spec };
}

/** Where the controller applies a Secret. */
export function secretPath(namespace: string, name = NAME): string {
  return `${namespacePath(namespace)}/secrets/${name}?fieldManager=${FIELD_MANAGER}`;
}

/** With the data as text. */
export type SecretFields = Pick<V1Secret, "type" | "immutable" | "data"> &
  Pick<V1ObjectMeta, "name" | "labels" | "annotations" | "ownerReferences" | "finalizers">;

/** What the controller applies, but for the fields given. */
export function secret(ownerUid: string, fields: SecretFields = {}): object {
  const { name = NAME, type = "kubernetes.io/dockerconfigjson", labels = LABELS } = fields;
  const ownerReferences = fields.ownerReferences ?? [ownerReference(ownerUid)];
  const texts = Object.entries(fields.data ?? { ".dockerconfigjson": '{"auths":{}}' });
  const data = Object.fromEntries(texts.map(([key, text]) => [key, Buffer.from(text).toString("base64")]));
  const { annotations, finalizers, immutable } = fields;
  const metadata = { name, labels, annotations, ownerReferences, finalizers };
  return { apiVersion: "v1", kind: "Secret", metadata, type, data, immutable };
}

export function ownerReference(uid: string): V1OwnerReference {
  return { apiVersion: API_VERSION, kind: "OCIRPullSecret", name: NAME, uid };
}

/** Runs helm in the node, for the release of the chart. @param settings for `--set-json` */
export async function helm(
  { root }: KubernetesNode,
  command: "install" | "upgrade" | "uninstall",
  settings: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const all = { "image.repository": "registry.invalid/ocir-pull-secrets", ...settings };
  const given = Object.entries(all).flatMap(([key, value]) => ["--set-json", `${key}=${JSON.stringify(value)}`]);
  const create = command === "install" ? ["--create-namespace"] : [];
  const chart = command === "uninstall" ? [] : [CHART, ...create, ...given];
  return root.run("helm", [command, "pulls", ...chart, "--namespace", RELEASE_NAMESPACE], {
    env: ADMIN_ENV,
    timeoutMs: 120_000,
  });
}
