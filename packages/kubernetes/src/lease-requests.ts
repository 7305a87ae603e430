/** Reads and changes a Lease. Programs get the rights to one Lease by its name, so it is installed with them, never created by them. */
import type { V1Lease } from "@kubernetes/client-node";
import type { ApiServer } from "./api-server.ts";

/** @param deadline aborts one request when its time is over. */
export function createLeaseRequests(
  api: ApiServer,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  deadline: () => AbortSignal,
) {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
  return {
    async readLease(): Promise<V1Lease> {
      return (await api.send({ method: "GET", path, signal: deadline() })) as V1Lease;
    },
    patchLease: (resourceVersion: string, spec: object) =>
      api.send({
        method: "PATCH",
        path,
        contentType: "application/merge-patch+json",
        body: { metadata: { resourceVersion }, spec },
        signal: deadline(),
      }),
  };
}
