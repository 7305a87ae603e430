/**
 * Every finding that doctor can report: its verdict, what it means and how to fix it. The names are stable;
 * docs/reference/codes.md lists them. These texts are fixed: anything seen on the node is evidence.
 */
import { ERROR_TABLE } from "@ocir-broker/broker";
import { CACHE_ERRORS } from "@ocir-broker/expiring-cache";
import { type ErrorText, FILE_ERRORS, NEXT, UPSTREAM_ERRORS } from "@ocir-broker/foundation";
import { IDENTITY_ERRORS, WORKLOAD_ERRORS } from "@ocir-broker/identity";
import type { FindingCode } from "@ocir-broker/kubelet-config";
import { OCIR_ERRORS } from "@ocir-broker/ocir";
import { BROKER_PROGRAM, MATCH_IMAGES, PROVIDER_NAME } from "@ocir-broker/protocol";

/** `unknown`: the check could not be made. */
export type Verdict = "ok" | "warning" | "problem" | "unknown";

interface Diagnosis {
  readonly verdict: Verdict;
  readonly means: string;
  readonly fix?: string;
}

const JOURNAL = "journalctl -u ocir-broker.service -p warning";
const RESTART_KUBELET = "systemctl daemon-reload && systemctl restart kubelet";
const EXTRA_ARGS =
  'pass them in the one form that the bootstrap script reads, with a space: bash /var/run/oke-init.sh --kubelet-extra-args "--image-credential-provider-config=<file> --image-credential-provider-bin-dir=/usr/local/bin"; it runs at the first boot only, so replace the node';
const RELABEL = `restorecon -v /usr/local/bin/${PROVIDER_NAME} ${BROKER_PROGRAM} /usr/local/libexec/ocir-broker-launch`;

/** The codes of the packages that doctor calls. */
const CODES = { ...CACHE_ERRORS, ...UPSTREAM_ERRORS, ...IDENTITY_ERRORS, ...OCIR_ERRORS, ...WORKLOAD_ERRORS };

/** Codes that say nothing about the node, except that a check had no result in time. */
const OUT_OF_TIME = [
  "aborted",
  "closed",
  "fetch-timeout",
  "overloaded",
  "wait-timeout",
] as const satisfies readonly (keyof typeof CODES)[];

type FoundCode = Exclude<keyof typeof CODES, (typeof OUT_OF_TIME)[number]>;

type Problem = Diagnosis & { readonly verdict: "problem"; readonly fix: string };

function problemOf({ what, next }: ErrorText): Problem {
  return { verdict: "problem", means: what, fix: next };
}

/** A finding that is an error code has that code's name, meaning and advice. */
function problemsOfCodes(): Readonly<Record<FoundCode, Problem>> {
  const found = Object.entries<ErrorText>(CODES).filter(([code]) => !isOutOfTime(code));
  return Object.fromEntries(found.map(([code, text]) => [code, problemOf(text)])) as Record<FoundCode, Problem>;
}

function isOutOfTime(code: string): boolean {
  return OUT_OF_TIME.some((each) => each === code);
}

export const DIAGNOSES = {
  ...problemsOfCodes(),

  "not-checked": { verdict: "unknown", means: "not checked because of another finding, which is named" },
  "needs-root": { verdict: "unknown", means: "this user may not read this", fix: "run ocir-broker doctor as root" },
  "out-of-time": { verdict: "unknown", means: "no result in time", fix: "see the other findings, then try again" },
  "check-failed": { verdict: "unknown", means: "the check itself failed", fix: "report it with this line" },

  "metadata-ok": { verdict: "ok", means: "the metadata service answers" },

  "clock-ok": { verdict: "ok", means: "the clock is correct" },
  "clock-drift": { verdict: "warning", means: "the clock is more than a minute off", fix: NEXT.clock },
  "clock-unknown": { verdict: "unknown", means: "no service's answer contained the time" },

  "identity-ok": { verdict: "ok", means: "the identity's files are complete, private and belong together" },
  "identity-none": { verdict: "ok", means: IDENTITY_ERRORS["identity-none"].what },
  "certificate-ok": { verdict: "ok", means: "the instance certificate is valid" },
  "certificate-chain": {
    verdict: "warning",
    means: "the intermediate certificate did not issue the instance certificate",
    fix: "try again in a minute, since OCI may be replacing it",
  },

  "session-ok": { verdict: "ok", means: "the auth service gives this instance a session" },

  "network-ok": { verdict: "ok", means: "the service can be reached" },
  "dns-failed": {
    verdict: "problem",
    means: "the name of the service cannot be resolved",
    fix: NEXT.dns,
  },
  "tcp-refused": { verdict: "problem", means: "the service or a firewall refuses the connection", fix: NEXT.network },
  "tcp-timeout": { verdict: "problem", means: "connections to the service time out", fix: NEXT.network },
  "network-unreachable": { verdict: "problem", means: "there is no route to the service", fix: NEXT.network },

  "token-ok": { verdict: "ok", means: "the registry gives a token" },

  "service-accounts-off": problemOf(ERROR_TABLE["service-accounts-off"]),
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
  "service-account-annotation": {
    verdict: "problem",
    means:
      "the kubelet does not pass on the annotation that opts service accounts in, so all pods use the node's identity",
    fix: "write the entry with --service-accounts AUDIENCE --annotation NAME (ocir-broker kubelet-config merge --help), or set serviceAccounts.select: all",
  },
  "audience-allowed": { verdict: "ok", means: "the kubelet may request service-account tokens for the audience" },
  "audience-forbidden": {
    verdict: "warning",
    means: "the kubelet may not request tokens of every service account for the audience",
    fix: "apply the output of `ocir-broker kubelet-config grants AUDIENCE` with kubectl, unless rules of yours allow single service accounts",
  },
  "cluster-ok": { verdict: "ok", means: "the cluster's exchange can be reached" },

  "domain-ok": {
    verdict: "ok",
    means: "the identity domain accepts this broker; whether it trusts the cluster's tokens shows only in a pull",
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
    fix: NEXT.outage,
  },
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

  "path-untrusted": problemOf(FILE_ERRORS["path-untrusted"]),
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
  "kubelet-config-unclear": {
    verdict: "warning",
    means: "doctor does not understand this provider configuration, which the kubelet may read",
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
    fix: NEXT.reinstall,
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
  "plugin-version": { verdict: "warning", means: "the plugin is from another release", fix: NEXT.reinstall },

  "plugin-answer-ok": { verdict: "ok", means: "the plugin answers with credentials" },
  "plugin-answer-empty": {
    verdict: "problem",
    means: 'the plugin succeeds but prints nothing; the kubelet logs "error reading GVK" and pulls anonymously',
    fix: NEXT.reinstall,
  },
  "plugin-answer-garbage": {
    verdict: "problem",
    means: "the kubelet cannot decode the plugin's answer, and pulls anonymously",
    fix: NEXT.reinstall,
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

/** Undefined for an error of no package of ours: a bug. */
export function findingOfCode(code: string): keyof typeof DIAGNOSES | undefined {
  if (isOutOfTime(code)) return "out-of-time";
  return Object.hasOwn(DIAGNOSES, code) ? (code as keyof typeof DIAGNOSES) : undefined;
}
