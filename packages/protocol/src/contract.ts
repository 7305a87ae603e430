/**
 * The names and limits that the kubelet, the shim, the daemon and the commands must agree on. The C programs get them from
 * packages/native/src/contract.h, which is generated from this file.
 */

/** v1 exists since Kubernetes 1.26; a configuration that was written before may still name the older two. */
export const API_VERSIONS = [
  "credentialprovider.kubelet.k8s.io/v1",
  "credentialprovider.kubelet.k8s.io/v1beta1",
  "credentialprovider.kubelet.k8s.io/v1alpha1",
] as const;

/** Only v1 has fields for service accounts; the others differ from it in nothing else that we need or send. */
export type ApiVersion = (typeof API_VERSIONS)[number];

/** Our own entry in the kubelet's configuration names this one. */
export const API_VERSION: ApiVersion = API_VERSIONS[0];

/** The shim's name, which existing configurations of the kubelet already use. */
export const PLUGIN_NAME = "credential-provider-oke";

/** The same program for entries with tokenAttributes, because the kubelet takes a name only once. */
export const SERVICE_ACCOUNT_PLUGIN_NAME = "credential-provider-oke-sa";

export function isOurPlugin(name: string | undefined): boolean {
  return name === PLUGIN_NAME || name === SERVICE_ACCOUNT_PLUGIN_NAME;
}

/** The shim's name as a docker credential helper. */
export const DOCKER_CREDENTIAL_NAME = "docker-credential-ocir";

/** Both forms of OCIR's hosts: `<region key or id>.ocir.io` and `ocir.<region id>.oci.<realm domain>`. */
export const MATCH_IMAGES = ["*.ocir.io", "ocir.*.oci.*.*"] as const;

export const CREDENTIALS_SOCKET = "/run/ocir-broker/credentials.sock";
export const HEALTH_SOCKET = "/run/ocir-broker/health.sock";
/** The group whose members may connect to the health socket. */
export const HEALTH_GROUP = "ocir-broker-health";

export const BROKER_PROGRAM = "/usr/local/bin/ocir-broker";

/** What {@link BROKER_PROGRAM} links to. */
export const INSTALLED_PROGRAM = "/usr/libexec/ocir-broker/current/ocir-broker";

/** Present on a node that `ocir-broker disable` has switched off; contains the time. */
export const DISABLED_FILE = "/etc/ocir-broker/disabled";

/** The configuration that `node install --config` was given. */
export const POOL_CONFIG_FILE = "/var/lib/ocir-broker/config.yaml";

/** Labels of a Node, by the DaemonSet; by a kubelet that registers with ocir-broker, once. */
export const STATE_LABEL = "ocir-broker/state";
export const VERSION_LABEL = "ocir-broker/version";

export const CREDENTIALS_ROUTE = "/v1/credentials";
export const DOCKER_CREDENTIAL_ROUTE = "/v1/docker-credential";

/** An image name is under 1 KiB; a service-account token with annotations may add some tens of KiB. */
export const MAX_REQUEST_BYTES = 256 * 1024;
export const MAX_RESPONSE_BYTES = 64 * 1024;

/**
 * The shim's whole call. Above request.deadline and the watchdog's time, so a call that meets a hung daemon gets the next one's
 * response; far below the 60 s after which the kubelet kills the plugin.
 */
export const SHIM_CALL_MS = 25_000;
