/** Our own entry in a CredentialProviderConfig: its name, and the images it must match. */

/** The program's name, which existing configurations already use. */
export const PROVIDER_NAME = "credential-provider-oke";

/** Both forms of OCIR's hosts: `<region key or id>.ocir.io` and `ocir.<region id>.oci.<realm domain>`. */
export const MATCH_IMAGES: readonly string[] = ["*.ocir.io", "ocir.*.oci.*.*"];

/** v1 exists since Kubernetes 1.26, the oldest minor supported here. */
export const PROVIDER_API_VERSION = "credentialprovider.kubelet.k8s.io/v1";
export const PROVIDER_API_VERSIONS: readonly string[] = [
  PROVIDER_API_VERSION,
  "credentialprovider.kubelet.k8s.io/v1beta1",
  "credentialprovider.kubelet.k8s.io/v1alpha1",
];
