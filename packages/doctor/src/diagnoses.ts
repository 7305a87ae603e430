/**
 * Every finding that doctor can report: its verdict, what it means and how to fix it. The names are stable;
 * docs/troubleshooting.md leads from a symptom to them. These texts are fixed: anything seen on the node is evidence.
 */
import {
  FILE_IDENTITY_ERRORS,
  IDENTITY_ERRORS,
  type IdentityErrorCode,
  WORKLOAD_ERRORS,
  type WorkloadErrorCode,
} from "@ocir-broker/identity";
import type { FindingCode } from "@ocir-broker/kubelet-config";
import { OCIR_ERRORS, type OcirErrorCode } from "@ocir-broker/ocir";
import { BROKER_PROGRAM, MATCH_IMAGES, PROVIDER_NAME } from "@ocir-broker/protocol";

/** `unknown`: the check could not be made. */
export type Verdict = "ok" | "warning" | "problem" | "unknown";

interface Diagnosis {
  readonly verdict: Verdict;
  readonly means: string;
  readonly fix?: string;
}

const NETWORK =
  "give the node's subnet a route to the region's services: a service gateway for All <region> Services in Oracle Services Network, and a security rule for TCP 443 out";
const CLOCK = "set the clock: chronyc makestep, and check that chronyd runs (OCI's time server is 169.254.169.254)";
const JOURNAL = "journalctl -u ocir-broker.service -p warning";
const RETRY = "nothing to do on this node: the broker retries. Oracle's status page reports outages of the region";
const PROXY = "look for a proxy or firewall that changes requests, and exempt Oracle's hosts from it";
const RESTART_KUBELET = "systemctl daemon-reload && systemctl restart kubelet";
const EXTRA_ARGS =
  'pass them in the one form that the bootstrap script reads, with a space: bash /var/run/oke-init.sh --kubelet-extra-args "--image-credential-provider-config=<file> --image-credential-provider-bin-dir=/usr/local/bin"; it runs at the first boot only, so replace the node';
const INSTALL = "reinstall ocir-broker, with all files from one release";
const RELABEL = `restorecon -v /usr/local/bin/${PROVIDER_NAME} ${BROKER_PROGRAM} /usr/local/libexec/ocir-broker-launch`;

const CODES = { ...IDENTITY_ERRORS, ...OCIR_ERRORS, ...WORKLOAD_ERRORS };

/** A finding that is an error code has that code's words. */
function whatOf(code: IdentityErrorCode | OcirErrorCode | WorkloadErrorCode): string {
  return CODES[code].what;
}

function problemOf(code: WorkloadErrorCode) {
  return { verdict: "problem", means: whatOf(code), fix: WORKLOAD_ERRORS[code].next } as const;
}

/** A file's place is the evidence, so the code's own words are enough. */
function diagnosesOfFiles(): Readonly<Record<keyof typeof FILE_IDENTITY_ERRORS, Diagnosis & { readonly fix: string }>> {
  const rows = Object.entries(FILE_IDENTITY_ERRORS).map(([code, { what, next }]) => [
    code,
    { verdict: "problem", means: what, fix: next },
  ]);
  return Object.fromEntries(rows);
}

export const DIAGNOSES = {
  "not-checked": { verdict: "unknown", means: "not checked because of another finding, which is named" },
  "needs-root": { verdict: "unknown", means: "this user may not read this", fix: "run ocir-broker doctor as root" },
  "out-of-time": { verdict: "unknown", means: "no result in time", fix: "see the other findings, then try again" },
  "check-failed": { verdict: "unknown", means: "the check itself failed", fix: "report it with this line" },

  "metadata-ok": { verdict: "ok", means: "the metadata service answers" },
  "metadata-unreachable": {
    verdict: "problem",
    means: whatOf("metadata-unreachable"),
    fix: "check that this is an OCI instance, and that no firewall rule or network policy blocks 169.254.169.254 (iptables -S OUTPUT)",
  },
  "metadata-proxied": {
    verdict: "problem",
    means:
      "the metadata service refuses requests, as it does when a proxy adds Forwarded headers or removes Authorization",
    fix: "reach 169.254.169.254 directly from the primary VNIC, without a proxy; another cloud's metadata service refuses too",
  },
  "metadata-v2-missing": {
    verdict: "problem",
    means: "version 2 of the metadata service is missing",
    fix: "use a platform image that supports /opc/v2, and check that nothing else answers at 169.254.169.254",
  },
  "metadata-throttled": {
    verdict: "problem",
    means: whatOf("metadata-throttled"),
    fix: "find what else sends so many requests to 169.254.169.254 (ss -tnp dst 169.254.169.254); the broker sends at most five a second",
  },
  "metadata-unavailable": { verdict: "problem", means: whatOf("metadata-unavailable"), fix: RETRY },
  "metadata-invalid": { verdict: "problem", means: whatOf("metadata-invalid"), fix: PROXY },

  "region-unknown": {
    verdict: "problem",
    means: "this release does not know the region that the metadata service names",
    fix: "check that this is an OCI instance; if its region is new, install a newer release of ocir-broker",
  },

  "clock-ok": { verdict: "ok", means: "the clock is correct" },
  "clock-drift": { verdict: "warning", means: "the clock is more than a minute off", fix: CLOCK },
  "clock-skew": {
    verdict: "problem",
    means: "the clock is more than 5 minutes off: OCI refuses signatures",
    fix: CLOCK,
  },
  "clock-unknown": { verdict: "unknown", means: "no service's answer contained the time" },

  ...diagnosesOfFiles(),
  "identity-ok": { verdict: "ok", means: "the identity's files are complete, private and belong together" },
  "identity-none": {
    verdict: "ok",
    means: "this node has no identity of its own, because identity.provider is none: only service accounts get tokens",
  },
  "certificate-ok": { verdict: "ok", means: "the instance certificate is valid" },
  "identity-not-ready": {
    verdict: "problem",
    means: "the instance has no certificate yet",
    fix: "wait: OCI issues it within minutes of the first boot, and the broker retries",
  },
  "certificate-expired": {
    verdict: "problem",
    means: whatOf("certificate-expired"),
    fix: "check the clock; OCI renews the certificate several times a day, so reboot the instance if this persists",
  },
  "certificate-mismatch": {
    verdict: "problem",
    means: "the instance certificate and its key do not match",
    fix: "try again in a minute, since OCI may be replacing it; reboot the instance if this persists",
  },
  "certificate-invalid": {
    verdict: "problem",
    means: "the instance certificate or its key cannot be used",
    fix: "check that nothing but OCI's metadata service answers at 169.254.169.254; then reboot the instance",
  },
  "certificate-chain": {
    verdict: "warning",
    means: "the intermediate certificate did not issue the instance certificate",
    fix: "try again in a minute, since OCI may be replacing it",
  },

  "session-ok": { verdict: "ok", means: "the auth service gives this instance a session" },
  "federation-refused": {
    verdict: "problem",
    means: whatOf("federation-refused"),
    fix: "check that the instance is not terminated, moved, or created from an image with another instance's state; then reboot it",
  },
  "federation-unauthorized": {
    verdict: "problem",
    means: "the auth service does not accept the instance certificate",
    fix: "check the clock, then try again in a few minutes, since OCI may be replacing the certificate",
  },
  "federation-throttled": { verdict: "problem", means: whatOf("federation-throttled"), fix: RETRY },
  "federation-unavailable": { verdict: "problem", means: whatOf("federation-unavailable"), fix: RETRY },
  "federation-unreachable": { verdict: "problem", means: whatOf("federation-unreachable"), fix: NETWORK },
  "federation-invalid": { verdict: "problem", means: whatOf("federation-invalid"), fix: PROXY },
  "sdk-failed": { verdict: "problem", means: whatOf("sdk-failed"), fix: INSTALL },

  "network-ok": { verdict: "ok", means: "the service can be reached" },
  "dns-failed": {
    verdict: "problem",
    means: "the name of the service cannot be resolved",
    fix: "check the node's DNS: /etc/resolv.conf should name 169.254.169.254, the VCN's resolver, or a server that forwards to it",
  },
  "tcp-refused": { verdict: "problem", means: "the service or a firewall refuses the connection", fix: NETWORK },
  "tcp-timeout": { verdict: "problem", means: "connections to the service time out", fix: NETWORK },
  "network-unreachable": { verdict: "problem", means: "there is no route to the service", fix: NETWORK },
  "tls-untrusted": {
    verdict: "problem",
    means: "the service's TLS certificate is not trusted",
    fix: "find out what answers there (a TLS-inspecting proxy?); for a dedicated region, add its CA to upstream.caFile if that is set, otherwise to the system's store: update-ca-trust",
  },
  "proxy-refused": {
    verdict: "problem",
    means: "the proxy refuses to connect to the service",
    fix: "check proxy.https and proxy.noProxy in /etc/ocir-broker/config.yaml, and the proxy's own rules",
  },
  "connection-broken": { verdict: "problem", means: "the connection to the service breaks", fix: PROXY },

  "token-ok": { verdict: "ok", means: "the registry gives a token" },
  "token-anonymous": {
    verdict: "problem",
    means: "the registry's token is anonymous: something removes the request's Authorization header",
    fix: "exempt the registry from the proxy (proxy.noProxy in /etc/ocir-broker/config.yaml), or make the proxy pass the header on",
  },
  "registry-unauthorized": {
    verdict: "problem",
    means: whatOf("registry-unauthorized"),
    fix: CLOCK,
  },
  "registry-forbidden": {
    verdict: "problem",
    means: whatOf("registry-forbidden"),
    fix: "check that the host is a registry of a region that the tenancy is subscribed to",
  },
  "registry-throttled": { verdict: "problem", means: whatOf("registry-throttled"), fix: RETRY },
  "registry-unavailable": { verdict: "problem", means: whatOf("registry-unavailable"), fix: RETRY },
  "registry-unreachable": { verdict: "problem", means: "no answer from the registry", fix: NETWORK },
  "registry-answer-invalid": { verdict: "problem", means: whatOf("registry-answer-invalid"), fix: PROXY },

  "service-accounts-off": {
    verdict: "problem",
    means: "the kubelet sends service-account tokens, but the broker has no exchange for them",
    fix: "set serviceAccounts.exchange, or remove tokenAttributes from the kubelet's entry",
  },
  "service-accounts-unused": {
    verdict: "problem",
    means: "the broker exchanges service-account tokens, but the kubelet sends none",
    fix: "add the entry with --service-accounts: ocir-broker kubelet-config merge --help",
  },
  "kubelet-too-old": {
    verdict: "problem",
    means: "this kubelet does not support service-account tokens for credential providers",
    fix: "use Kubernetes 1.34 or newer, or set serviceAccounts.exchange: none",
  },
  "service-account-failed": {
    verdict: "problem",
    means: "the daemon could not get a token for a pod's service account",
    fix: "see the code in the evidence",
  },
  "service-account-audience": {
    verdict: "problem",
    means: "the broker refuses the kubelet's tokens, because they are for another audience",
    fix: "make serviceAccounts.audience and the kubelet's serviceAccountTokenAudience the same",
  },
  "audience-allowed": { verdict: "ok", means: "the kubelet may request service-account tokens for the audience" },
  "audience-forbidden": {
    verdict: "warning",
    means: "the kubelet may not request tokens of every service account for the audience",
    fix: "apply the output of `ocir-broker kubelet-config grants AUDIENCE` with kubectl, unless rules of yours allow single service accounts",
  },
  "cluster-ok": { verdict: "ok", means: "the cluster's exchange can be reached" },
  "cluster-unknown": problemOf("cluster-unknown"),
  "cluster-untrusted": problemOf("workload-tls"),
  "cluster-unreachable": problemOf("workload-unreachable"),

  "domain-ok": {
    verdict: "ok",
    means: "the identity domain accepts this broker; whether it trusts the cluster's tokens shows only in a pull",
  },
  "domain-client-refused": problemOf("domain-client-refused"),
  "domain-not-configured": problemOf("domain-not-configured"),
  "domain-secret-missing": problemOf("domain-secret-missing"),
  "domain-untrusted": problemOf("domain-tls"),
  "domain-unknown": problemOf("domain-unknown"),
  "domain-unreachable": problemOf("domain-unreachable"),
  "domain-unavailable": {
    verdict: "problem",
    means: "the identity domain is throttling, or returned a server error",
    fix: "nothing to do on this node: the kubelet retries. Oracle's status page reports outages of the region",
  },
  "domain-answer-invalid": {
    verdict: "problem",
    means: "the answer is not that of an identity domain",
    fix: WORKLOAD_ERRORS["domain-unknown"].next,
  },

  "access-ok": { verdict: "ok", means: "this identity may read the image" },
  "access-of-service-account": {
    verdict: "ok",
    means:
      "pods pull this image with their service accounts, not with this node's identity; the service accounts need the policy",
  },
  "access-public": { verdict: "ok", means: "one of Oracle's public images: it needs no permission" },
  "policy-missing": {
    verdict: "problem",
    means: "no policy lets this identity read the repository",
    fix: "Allow dynamic-group <name> to read repos in compartment <name>, and the group's rule must match this instance; for a user or session: Allow group <name> to read repos in compartment <name>",
  },
  "image-missing": {
    verdict: "problem",
    means: "the registry has no such image, or hides it because a policy is missing",
    fix: "check repository and tag: oci artifacts container image list",
  },
  "access-unclear": {
    verdict: "unknown",
    means: "it is unclear whether this identity may read the image",
    fix: RETRY,
  },
  "image-invalid": { verdict: "problem", means: whatOf("image-invalid"), fix: "check the pod's image name" },
  "image-foreign": {
    verdict: "ok",
    means:
      "the image is not in Oracle's registry: the kubelet pulls it without the broker. If it should be, correct its name; if Oracle's registry has another name on this node, add that to registries.extraHosts",
  },

  "broker-config-ok": { verdict: "ok", means: "the broker's configuration is valid" },
  "broker-config-invalid": {
    verdict: "problem",
    means: "the broker's configuration is not valid",
    fix: "ocir-broker config check names every fault; fix them first: daemon and doctor use the valid part, and defaults for the rest",
  },

  "socket-ok": { verdict: "ok", means: "the credentials socket exists, and only root can use it" },
  "socket-missing": {
    verdict: "problem",
    means: "there is no credentials socket",
    fix: "systemctl enable --now ocir-broker.socket",
  },
  "socket-not-socket": {
    verdict: "problem",
    means: "the credentials socket's path is not a socket",
    fix: "remove it; then systemctl restart ocir-broker.socket",
  },
  "socket-mode": {
    verdict: "problem",
    means: "users other than root can ask for this node's tokens, or root cannot",
    fix: "systemctl revert ocir-broker.socket && systemctl restart ocir-broker.socket (SocketMode=0600)",
  },
  "socket-owner": {
    verdict: "problem",
    means: "the credentials socket does not belong to root",
    fix: "systemctl stop ocir-broker.socket, find out who created it, and start it again",
  },
  "socket-directory": {
    verdict: "problem",
    means: "users other than root can replace the credentials socket",
    fix: "chown root:root and chmod 0755 its directory; then systemctl restart ocir-broker.socket",
  },

  "switched-off": {
    verdict: "problem",
    means: "ocir-broker is switched off on this node: the plugin answers 'no credentials', and the units are masked",
    fix: "ocir-broker enable",
  },
  "daemon-ok": { verdict: "ok", means: "the daemon runs, and nothing fails" },
  "daemon-down": {
    verdict: "problem",
    means: "the daemon does not run",
    fix: "systemctl start ocir-broker.service; if it does not stay up: journalctl -u ocir-broker.service",
  },
  "daemon-stuck": {
    verdict: "problem",
    means: "the daemon accepts connections but does not answer",
    fix: "systemctl restart ocir-broker.service (it keeps its tokens); then journalctl -u ocir-broker.service",
  },
  "daemon-version": {
    verdict: "warning",
    means: "the running daemon is from another release than this program",
    fix: "systemctl restart ocir-broker.service (it keeps its tokens)",
  },
  "daemon-config": {
    verdict: "warning",
    means: "the daemon cannot use all of its configuration file",
    fix: "ocir-broker config check names the faults and who may read the file; then systemctl reload ocir-broker.service",
  },
  "daemon-restart-needed": {
    verdict: "warning",
    means: "configuration keys have changed that only a restart applies",
    fix: "systemctl restart ocir-broker.service (it keeps its tokens)",
  },
  "daemon-starting": {
    verdict: "warning",
    means: "the daemon has no token yet",
    fix: `ocir-broker status; ${JOURNAL}`,
  },
  "daemon-degraded": {
    verdict: "warning",
    means: "the daemon serves tokens, but something fails",
    fix: `ocir-broker status; ${JOURNAL}`,
  },

  "selinux-ok": { verdict: "ok", means: "SELinux does not interfere" },
  "selinux-label": {
    verdict: "problem",
    means: "a program has an SELinux label that services may not execute",
    fix: RELABEL,
  },
  "selinux-label-permissive": {
    verdict: "warning",
    means: "if SELinux were enforcing, services could not execute a program",
    fix: RELABEL,
  },

  "path-untrusted": {
    verdict: "problem",
    means: "a user other than root can change this, so it was neither read nor run; the kubelet runs it as root",
    fix: "find out who put it there; then let only root own and write it and each folder above it: chown root, chmod go-w",
  },
  "kubelet-ok": { verdict: "ok", means: "the kubelet runs with both flags" },
  "kubelet-not-running": {
    verdict: "problem",
    means: "no kubelet runs here",
    fix: "systemctl status kubelet; journalctl -u kubelet (a wrong provider configuration stops its start)",
  },
  "kubelet-flags-missing": {
    verdict: "problem",
    means: "the kubelet was started without --image-credential-provider-config and --image-credential-provider-bin-dir",
    fix: EXTRA_ARGS,
  },
  "kubelet-flags-incomplete": {
    verdict: "problem",
    means: "the kubelet has only one of the two flags, and needs both",
    fix: EXTRA_ARGS,
  },
  "kubelet-extra-args-swallowed": {
    verdict: "problem",
    means: "cloud-init passes --kubelet-extra-args with an equals sign, which the bootstrap script silently ignores",
    fix: EXTRA_ARGS,
  },
  "kubelet-not-restarted": {
    verdict: "problem",
    means: "the kubelet's unit has the flags, but the running kubelet was started without them",
    fix: RESTART_KUBELET,
  },
  "kubelet-version-unknown": {
    verdict: "warning",
    means: "the kubelet's version is unknown, so the newest rules were applied",
  },

  "kubelet-config-ok": { verdict: "ok", means: "the kubelet's provider configuration is valid" },
  "kubelet-config-missing": {
    verdict: "problem",
    means:
      "the provider configuration that the kubelet's flag names does not exist: the kubelet's next start will fail",
    fix: "create it before the kubelet starts again; ocir-broker's installer does this",
  },
  "kubelet-config-invalid": {
    verdict: "problem",
    means: "the kubelet will not start with this provider configuration",
  },
  "kubelet-config-lint": {
    verdict: "warning",
    means: "the kubelet accepts this, but it does not have the intended effect",
  },

  "image-match-ok": { verdict: "ok", means: "the kubelet asks our provider for this image" },
  "image-not-matched": {
    verdict: "problem",
    means: "the kubelet does not ask our provider for this image",
    fix: `set matchImages: [${MATCH_IMAGES.map((pattern) => `"${pattern}"`).join(", ")}], and restart the kubelet`,
  },
  "other-plugin-first": {
    verdict: "warning",
    means: "another provider is asked for this image before ours, and each waits for the one before it",
    fix: "remove the entry from the other provider's matchImages, or put ours first, and restart the kubelet",
  },

  "plugin-ok": { verdict: "ok", means: "the plugin exists and is from this release" },
  "plugin-missing": {
    verdict: "problem",
    means: "the plugin is missing: the kubelet's next start will fail",
    fix: INSTALL,
  },
  "plugin-not-executable": {
    verdict: "problem",
    means: "the plugin cannot be executed: the kubelet's next start will fail",
    fix: "chmod 0755 it, and check that its file system is not mounted noexec",
  },
  "plugin-foreign": {
    verdict: "problem",
    means: "the program with the plugin's name is not ours",
    fix: "install ocir-broker's; it replaces Oracle's credential-provider-oke under the same name",
  },
  "plugin-version": { verdict: "warning", means: "the plugin is from another release", fix: INSTALL },

  "plugin-answer-ok": { verdict: "ok", means: "the plugin answers with credentials" },
  "plugin-answer-empty": {
    verdict: "problem",
    means: 'the plugin succeeds but prints nothing; the kubelet logs "error reading GVK" and pulls anonymously',
    fix: INSTALL,
  },
  "plugin-answer-garbage": {
    verdict: "problem",
    means: "the kubelet cannot decode the plugin's answer, and pulls anonymously",
    fix: INSTALL,
  },
  "plugin-answer-anonymous": {
    verdict: "problem",
    means: "the plugin has no credentials for this image",
    fix: "check the image's name; if the registry has another name, add that to registries.extraHosts",
  },
  "plugin-failed": {
    verdict: "problem",
    means: 'the plugin fails; the kubelet logs "error execing credential provider plugin" and pulls anonymously',
    fix: `see the code in the evidence, and the other findings; ${JOURNAL}`,
  },
  "plugin-silent": {
    verdict: "problem",
    means: "the plugin does not answer in time",
    fix: `systemctl restart ocir-broker.service (it keeps its tokens); ${JOURNAL}`,
  },
  "token-outdated": {
    verdict: "problem",
    means: "the broker's token cannot read the image although a new one can: it is older than the grant",
    fix: "wait: the broker fetches a new one within 5 min of the next request. To get one at once: systemctl stop ocir-broker.service, then start it; a restart would keep the token",
  },
} as const satisfies Record<string, Diagnosis>;

/** A finding of the kubelet's rules keeps their code. */
export type DiagnosisName = keyof typeof DIAGNOSES | `kubelet-config-${FindingCode}`;
