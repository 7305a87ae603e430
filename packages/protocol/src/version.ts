/** The versions of the kubelet's exec contract. They differ only in fields that we neither need nor send. */

/** v1 since Kubernetes 1.26; the older two are what a config that was written before may still name. */
export const API_VERSIONS = [
  "credentialprovider.kubelet.k8s.io/v1",
  "credentialprovider.kubelet.k8s.io/v1beta1",
  "credentialprovider.kubelet.k8s.io/v1alpha1",
] as const;

export type ApiVersion = (typeof API_VERSIONS)[number];
