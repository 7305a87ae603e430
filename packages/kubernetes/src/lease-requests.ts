/** Reads and changes a Lease. Programs get the rights to one Lease by its name, so it is installed with them, never created by them. */
import type { ApiServer } from "./api-server.ts";

/** The part of a Lease that decides who has it. */
export interface LeaseObject {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly spec?: { readonly holderIdentity?: string; readonly leaseDurationSeconds?: number };
}

export interface LeaseRequests {
  readLease(): Promise<LeaseObject>;
  /** Fails with status 409 if this version is not the stored one. */
  patchLease(resourceVersion: string, spec: object): Promise<unknown>;
}

/** @param deadline aborts one request at its time limit. */
export function createLeaseRequests(
  api: ApiServer,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  deadline: () => AbortSignal,
): LeaseRequests {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
  return {
    async readLease() {
      return (await api.send({ method: "GET", path, signal: deadline() })) as LeaseObject;
    },
    patchLease: (resourceVersion, spec) =>
      api.send({ method: "PATCH", path, body: { metadata: { resourceVersion }, spec }, signal: deadline() }),
  };
}
