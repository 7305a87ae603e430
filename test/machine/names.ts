/** Names and addresses in the network of the tests, which has one node. */
export const REGISTRY_HOST = "us-ashburn-1.ocir.io";
export const NODE_NAME = "node-1";
/** On the loopback device of the tests' network namespace; the node reaches them through QEMU. */
export const ADDRESSES = {
  metadata: "169.254.169.254",
  auth: "10.99.0.2",
  registry: "10.99.0.3",
  apiServer: "10.99.0.4",
  /** Has the files of a release. */
  bucket: "10.99.0.5",
} as const;
export const BUCKET_URL = `http://${ADDRESSES.bucket}/`;
export const API_SERVER = `https://${ADDRESSES.apiServer}:6443`;
/** On the node, as OKE has it. */
export const CLUSTER_CA = "/etc/kubernetes/ca.crt";
export const ADMIN_TOKEN = "administrator";
export const NODE_TOKEN = "kubelet";
