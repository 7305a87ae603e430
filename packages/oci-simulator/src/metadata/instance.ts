/** The simulated worker node: its OCIDs, its cluster, and a user of its tenancy who signs with an API key. */

/** Its key is in upper case, as in the metadata service. */
export const ASHBURN = { id: "us-ashburn-1", key: "IAD", realmKey: "oc1", realmDomain: "oraclecloud.com" };

const unique = (word: string) => `aaaaaaaa${word}`.padEnd(60, "simulated2");

export const INSTANCE = {
  instanceId: `ocid1.instance.oc1.iad.${unique("node")}`,
  compartmentId: `ocid1.compartment.oc1..${unique("pool")}`,
  tenancyId: `ocid1.tenancy.oc1..${unique("tenancy")}`,
  clusterId: `ocid1.cluster.oc1.iad.${unique("cluster")}`,
  userId: `ocid1.user.oc1..${unique("user")}`,
} as const;
