/** The simulated worker node: its OCIDs and region, and a user of its tenancy. */

export interface Region {
  /** `us-ashburn-1` */
  readonly id: string;
  /** Upper case, as in the metadata service: `IAD`. */
  readonly key: string;
  /** `oc1` */
  readonly realmKey: string;
  /** `oraclecloud.com` */
  readonly realmDomain: string;
}

export interface Instance {
  readonly instanceId: string;
  readonly compartmentId: string;
  readonly tenancyId: string;
  /** The cluster that the node belongs to. */
  readonly clusterId: string;
  /** A user of the same tenancy who signs with an API key. */
  readonly userId: string;
  readonly region: Region;
}

export const DEFAULT_REGION: Region = {
  id: "us-ashburn-1",
  key: "IAD",
  realmKey: "oc1",
  realmDomain: "oraclecloud.com",
};

export function createInstance(region: Region): Instance {
  const unique = (word: string) => `aaaaaaaa${word}`.padEnd(60, "simulated2");
  const place = region.realmKey === "oc1" ? region.key.toLowerCase() : region.id;
  return {
    instanceId: `ocid1.instance.${region.realmKey}.${place}.${unique("node")}`,
    compartmentId: `ocid1.compartment.${region.realmKey}..${unique("pool")}`,
    tenancyId: `ocid1.tenancy.${region.realmKey}..${unique("tenancy")}`,
    clusterId: `ocid1.cluster.${region.realmKey}.${place}.${unique("cluster")}`,
    userId: `ocid1.user.${region.realmKey}..${unique("user")}`,
    region,
  };
}
