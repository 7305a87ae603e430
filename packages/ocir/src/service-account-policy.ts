/** The IAM policy for pulls by OKE Workload Identity (Oracle's "Granting Workloads Access to OCI Resources"). */

type Parts = "namespace" | "serviceAccount" | "cluster" | "compartment";

/** `cluster`: its OCID. */
export function serviceAccountPolicy(parts: Readonly<Record<Parts, string>>): string {
  const { namespace, serviceAccount, cluster, compartment } = parts;
  const conditions = [
    "request.principal.type = 'workload'",
    `request.principal.namespace = '${namespace}'`,
    `request.principal.service_account = '${serviceAccount}'`,
    `request.principal.cluster_id = '${cluster}'`,
  ];
  return `Allow any-user to read repos in compartment ${compartment} where all {${conditions.join(", ")}}\n`;
}
