/** The simulated worker node: its OCIDs, its cluster, and a user of its tenancy who signs with an API key. */

/** Its key is in upper case, as in the metadata service. */
export const ASHBURN = {
  id: "us-ashburn-1",
  key: "IAD",
  realmKey: "oc1",
  realmDomain: "oraclecloud.com",
  availabilityDomain: "iad-ad-1",
};

const unique = (word: string) => `aaaaaaaa${word}`.padEnd(60, "simulated2");

export const INSTANCE = {
  instanceId: `ocid1.instance.oc1.iad.${unique("node")}`,
  compartmentId: `ocid1.compartment.oc1..${unique("pool")}`,
  tenancyId: `ocid1.tenancy.oc1..${unique("tenancy")}`,
  clusterId: `ocid1.cluster.oc1.iad.${unique("cluster")}`,
  userId: `ocid1.user.oc1..${unique("user")}`,
  hostname: "node-1",
} as const;

/** The instance's network card, as cloud-init asks for it. */
export const VNIC = {
  macAddr: "02:00:17:00:00:01",
  privateIp: "10.0.0.15",
  subnetCidrBlock: "10.0.0.0/24",
  virtualRouterIp: "10.0.0.1",
  vlanTag: 1,
  vnicId: `ocid1.vnic.oc1.iad.${unique("vnic")}`,
} as const;
