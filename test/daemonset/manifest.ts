/** The DaemonSet's manifest, parsed, and the rights that it grants. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { IDaemonSet } from "kubernetes-models/apps/v1";
import type { ILease } from "kubernetes-models/coordination.k8s.io/v1";
import type { IClusterRole, IRole, IRoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1";
import { parseAllDocuments } from "yaml";

export const MANIFEST = join(import.meta.dirname, "../../cloud-init/daemonset/daemonset.yaml");

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The action of a request to the API server. */
export interface Access {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

export function readManifest(): KubernetesObject[] {
  return objectsIn(readFileSync(MANIFEST, "utf8"));
}

export function objectsIn(text: string): KubernetesObject[] {
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

/** The one object of a kind. */
export function objectOf<T>(kind: string): T {
  const found = readManifest().filter((object) => object.kind === kind);
  if (found.length !== 1) throw new Error(`${found.length} objects are of kind ${kind}`);
  return found[0] as T;
}

export const daemonSet = (): IDaemonSet => objectOf<IDaemonSet>("DaemonSet");
export const lease = (): ILease => objectOf<ILease>("Lease");

const OBJECTS = readManifest();
const ACCOUNT = daemonSet().spec?.template.spec?.serviceAccountName;

/** Decides as RBAC does: everything that no role of the pods' account allows is forbidden. */
export function isAllowed(access: Access): boolean {
  return OBJECTS.some((object) => {
    if (object.kind !== "ClusterRoleBinding" && object.kind !== "RoleBinding") return false;
    const { roleRef, subjects = [], metadata } = object as unknown as IRoleBinding;
    const isOurs = subjects.some(({ kind, name }) => kind === "ServiceAccount" && name === ACCOUNT);
    const isHere = object.kind === "ClusterRoleBinding" || metadata?.namespace === access.namespace;
    const isRole = ({ kind, metadata: of }: KubernetesObject) =>
      kind === roleRef.kind && of.name === roleRef.name && of.namespace === metadata?.namespace;
    const role = OBJECTS.find(isRole) as IClusterRole | IRole | undefined;
    return isOurs && isHere && (role?.rules ?? []).some(allows);
  });

  function allows(rule: NonNullable<IRole["rules"]>[number]): boolean {
    const { verbs, apiGroups = [], resources = [], resourceNames } = rule;
    return (
      verbs.includes(access.verb) &&
      apiGroups.includes(access.group) &&
      resources.includes(access.resource) &&
      (resourceNames === undefined || resourceNames.includes(access.name ?? ""))
    );
  }
}
