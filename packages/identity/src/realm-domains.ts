/**
 * The domains of Oracle's realms, for deciding which hosts are registries before oci-common is loaded.
 * A test compares them with oci-common's table, which lacks oc17 (oracle/oci-go-sdk#543); the metadata service names a newer realm.
 */

export const REALM_DOMAINS: readonly string[] = [
  "oraclecloud.com", // oc1
  "oraclegovcloud.com", // oc2, oc3
  "oraclegovcloud.uk", // oc4
  "oraclecloud8.com",
  "oraclecloud9.com",
  "oraclecloud10.com",
  "oraclecloud14.com",
  "oraclecloud15.com",
  "oraclecloud17.com",
  "oraclecloud.eu", // oc19
  "oraclecloud20.com",
  "oraclecloud21.com",
  "oraclecloud23.com",
  "oraclecloud24.com",
  "oraclecloud26.com",
  "oraclecloud29.com",
  "oraclecloud35.com",
  "oraclecloud42.com",
  "oraclecloud51.com",
  "oraclecloud52.com",
];
