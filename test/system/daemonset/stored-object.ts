/** An object as stored by the API server, with merge patches and validation. */
import { Lease } from "kubernetes-models/coordination.k8s.io/v1";

/** The form of Go's MicroTime. */
const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

export interface Stored {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; resourceVersion: string; [key: string]: unknown };
  spec?: Record<string, unknown>;
  [key: string]: unknown;
}

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = target !== null && typeof target === "object" ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** Validates by the schema and the server's further rules. Undefined if the object is valid. */
export function leaseFault(lease: Stored): string | undefined {
  try {
    new Lease(lease as never).validate();
  } catch (error) {
    return String(error);
  }
  const { holderIdentity, leaseDurationSeconds, acquireTime, renewTime, ...others } = lease.spec ?? {};
  if (holderIdentity === "") return "spec.holderIdentity: must not be empty";
  if (leaseDurationSeconds !== undefined && Number(leaseDurationSeconds) <= 0)
    return "spec.leaseDurationSeconds: too small";
  const times = [acquireTime, renewTime].filter((time) => time !== undefined);
  if (!times.every((time) => MICRO_TIME.test(String(time)))) return "spec: a time has no microseconds";
  const [unknown] = Object.keys(others);
  return unknown === undefined ? undefined : `spec.${unknown}: unknown field`;
}
