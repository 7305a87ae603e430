/** The IAM policy for pulls by OKE Workload Identity (Oracle's "Granting Workloads Access to OCI Resources"). */

interface ServiceAccountPolicy {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** OCID of the cluster. */
  readonly cluster: string;
  readonly compartment: string;
}

export function serviceAccountPolicy({
  namespace,
  serviceAccount,
  cluster,
  compartment,
}: ServiceAccountPolicy): string {
  const conditions = [
    "request.principal.type = 'workload'",
    `request.principal.namespace = '${namespace}'`,
    `request.principal.service_account = '${serviceAccount}'`,
    `request.principal.cluster_id = '${cluster}'`,
  ];
  return `Allow any-user to read repos in compartment ${compartment} where all {${conditions.join(", ")}}\n`;
}
