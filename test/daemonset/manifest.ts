/** The DaemonSet's manifest, parsed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { IDaemonSet } from "kubernetes-models/apps/v1";
import type { ILease } from "kubernetes-models/coordination.k8s.io/v1";
import { parseAllDocuments } from "yaml";

export const MANIFEST = join(import.meta.dirname, "../../cloud-init/daemonset/daemonset.yaml");

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
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
