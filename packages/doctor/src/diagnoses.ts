/**
 * Every finding that doctor can report: its verdict, what it means and how to fix it. The names are stable;
 * docs/reference/codes.md lists them. These texts are fixed: anything seen on the node is evidence.
 */

import { BROKER_ERRORS } from "@ocir-broker/errors/error-codes";
import { type ErrorRow, NEXT } from "@ocir-broker/errors/error-row";
import { CACHE_ERRORS } from "@ocir-broker/expiring-cache/error-codes";
import { FILE_ERRORS, UPSTREAM_ERRORS } from "@ocir-broker/foundation/error-codes";
import { IDENTITY_ERRORS, TOKEN_EXCHANGE_ERRORS } from "@ocir-broker/identity/error-codes";
import type { FindingCode } from "@ocir-broker/kubelet-config/rules";
import { OCIR_ERRORS } from "@ocir-broker/ocir/error-codes";
import { MATCH_IMAGES } from "@ocir-broker/protocol/contract";

/** `unknown`: the check could not be made. */
export type Verdict = "ok" | "warning" | "problem" | "unknown";

export interface Diagnosis {
  readonly verdict: Verdict;
  readonly means: string;
  readonly fix?: string | undefined;
}

const JOURNAL = "journalctl -u ocir-broker.service -p warning";
const RESTART = "systemctl restart ocir-broker.service (it keeps its tokens)";
const UNITS = "ocir-broker.socket ocir-broker-health.socket ocir-broker.service";
const RESTART_KUBELET = "systemctl daemon-reload && systemctl restart kubelet";
const FLAGS = '"--image-credential-provider-config=<file> --image-credential-provider-bin-dir=/usr/local/bin"';
const BOOTSTRAP = `bash /var/run/oke-init.sh --kubelet-extra-args ${FLAGS}`;
const EXTRA_ARGS = `write a space instead: ${BOOTSTRAP}; then replace the node, because cloud-init runs this only at the first boot`;
const CONNECT = "ocir-broker node connect, which says what the kubelet still needs";
const OWN_FILE = "remove the helper from it, and give root's tools another file by DOCKER_CONFIG or REGISTRY_AUTH_FILE";
const RELABEL = "restorecon -Rv /usr/libexec/ocir-broker";

/** The codes of the packages that doctor calls. */
const CODES = { ...CACHE_ERRORS, ...UPSTREAM_ERRORS, ...IDENTITY_ERRORS, ...OCIR_ERRORS, ...TOKEN_EXCHANGE_ERRORS };

/** Codes that say nothing about the node, except that a check had no result in time. */
const OUT_OF_TIME = [
  "aborted",
  "closed",
  "fetch-timeout",
  "overloaded",
  "wait-timeout",
] as const satisfies readonly (keyof typeof CODES)[];

type FoundCode = Exclude<keyof typeof CODES, (typeof OUT_OF_TIME)[number]>;

function ok(means: string): Diagnosis {
  return { verdict: "ok", means };
}

function unknown(means: string, fix?: string): Diagnosis {
  return { verdict: "unknown", means, fix };
}

function warning(means: string, fix?: string): Diagnosis {
  return { verdict: "warning", means, fix };
}

type Problem = Diagnosis & { readonly fix: string };

function problem(means: string, fix: string): Problem {
  return { verdict: "problem", means, fix };
}

function problemOf({ what, next }: ErrorRow): Problem {
  return problem(what, next);
}

/** A finding that is an error code has that code's name, meaning and advice. */
function problemsOfCodes(): Readonly<Record<FoundCode, Problem>> {
  const found = Object.entries<ErrorRow>(CODES).filter(([code]) => !isOutOfTime(code));
  return Object.fromEntries(found.map(([code, text]) => [code, problemOf(text)])) as Record<FoundCode, Problem>;
}

function isOutOfTime(code: string): boolean {
  return OUT_OF_TIME.some((each) => each === code);
}

export const DIAGNOSES = {
  ...problemsOfCodes(),

  "not-checked": unknown("not checked, because of the finding that is named"),
  "needs-root": unknown("permission denied", "run the command as root"),
  "out-of-time": unknown("no result in time", "see the other findings, then try again"),
  "check-failed": unknown("the check itself failed", "report this line as a bug"),
  "identity-none": ok(IDENTITY_ERRORS["identity-none"].what),
  "session-ok": ok("the identity gets a session"),
  "token-ok": ok("the registry issues a token"),

  "service-accounts-off": problemOf(BROKER_ERRORS["service-accounts-off"]),
  "service-accounts-unused": problem(
    "the broker exchanges service-account tokens, but the kubelet sends none",
    "run ocir-broker node connect --service-accounts AUDIENCE, and restart the kubelet",
  ),
  "kubelet-too-old": problem(
    "this kubelet does not support service-account tokens for credential providers",
    "use Kubernetes 1.34 or newer, or set serviceAccounts.tokenExchange: none",
  ),
  "service-account-failed": problemOf(BROKER_ERRORS["service-account-failed"]),
  "service-account-audience": problem(
    "the kubelet requests service-account tokens for an audience that is not accepted",
    NEXT.audience,
  ),
  "service-account-annotation": problem(
    "the kubelet does not send the annotation that opts service accounts in, so all pods use the node's identity",
    "set serviceAccounts.select: all, or replace the kubelet's configuration with what ocir-broker kubelet-config merge --service-accounts AUDIENCE --annotation NAME prints",
  ),

  "service-account-not-tried": unknown(
    "whether a pod's service account can pull was not checked",
    "give doctor a pod's token: --service-account-token",
  ),

  "access-ok": ok("this identity may read the image"),
  "access-public": ok("one of Oracle's public images: it needs no permission"),
  "policy-missing": problem(
    "no policy lets this identity read the repository",
    "add: Allow dynamic-group <name> to read repos in compartment <name>, with a rule that matches this instance; " +
      "for a user or a CLI session, write group instead of dynamic-group",
  ),
  "image-missing": problem(
    "the registry has no such image, or hides it because a policy is missing",
    "check repository and tag: oci artifacts container image list",
  ),
  "namespace-unknown": problem(
    "no tenancy has the namespace in the image's name",
    "correct the part after the registry host: not the tenancy's name, but the namespace that oci os ns get prints",
  ),
  "access-unclear": unknown("it is unclear whether this identity may read the image", NEXT.outage),
  "image-look-alike": warning(
    "the registry host looks like Oracle's but is none of its hosts, so the kubelet pulls without the broker",
    "correct it in the image's name, such as iad.ocir.io; if it is Oracle's registry, add it to registries.extraHosts",
  ),
  "image-foreign": ok(
    "the registry is not Oracle's, so the kubelet pulls the image without the broker. If it should be Oracle's, correct the " +
      "image's name; if Oracle's registry has another name on this node, add that to registries.extraHosts",
  ),

  "broker-config-ok": ok("the broker's configuration is valid"),
  "broker-config-invalid": problem(
    "the broker's configuration is not valid, or cannot be used",
    "run ocir-broker config check, which names the fix",
  ),

  "broker-config-exposed": warning(
    "other users can read a password in the broker's configuration",
    "chmod 0600 /etc/ocir-broker/config.yaml",
  ),

  "socket-ok": ok("the credentials socket exists, and only root can use it"),
  "socket-missing": problem(
    "there is no credentials socket",
    "systemctl enable ocir-broker.socket && systemctl restart ocir-broker.socket ocir-broker.service",
  ),
  "socket-mode": problem(
    "the socket has a wrong mode: users other than root can get this node's tokens, or root cannot",
    "systemctl restart ocir-broker.socket ocir-broker.service; if the mode stays, do so again after systemctl revert ocir-broker.socket",
  ),

  "not-installed": problem(
    "ocir-broker is not installed on this node",
    'install it: project page "Installing ocir-broker"',
  ),
  "unit-masked": problem(
    "units are masked, so nothing starts them",
    `systemctl unmask ${UNITS}; systemctl unmask --runtime ${UNITS}; systemctl restart ocir-broker.socket ocir-broker.service`,
  ),
  "switched-off": problem(
    "ocir-broker is switched off on this node, so the plugin returns no credentials",
    "ocir-broker enable",
  ),
  "daemon-ok": ok("the daemon runs without failures"),
  "daemon-down": problem(
    "the daemon or its health socket is missing",
    "systemd-sysusers; systemctl restart ocir-broker.service; if it does not stay up: journalctl -u ocir-broker.service",
  ),
  "daemon-stuck": problem("the daemon accepts connections but does not respond", `${RESTART}; ${JOURNAL}`),
  "daemon-version": warning("the running daemon is from another release than this program", RESTART),
  "daemon-config": warning(
    "the daemon does not use the configuration file as it is now",
    "fix what ocir-broker config check names; systemctl reload ocir-broker.service",
  ),
  "daemon-restart-needed": warning("configuration keys have changed that only a restart applies", RESTART),
  "metrics-not-written": warning(
    "the daemon cannot write its metrics file",
    "df /run; for another folder than /run/ocir-broker-metrics, ReadWritePaths= in a drop-in; then systemd-tmpfiles --create; " +
      "systemctl daemon-reload; systemctl restart ocir-broker.service",
  ),
  "state-not-written": warning(
    "the daemon cannot write its state, so a restart may lose its tokens",
    "free space: df /run; the daemon tries again every 5 s",
  ),
  "daemon-starting": warning("the daemon has no token yet", BROKER_ERRORS["service-account-failed"].next),
  "daemon-degraded": warning(
    "the daemon cannot get or renew a session or token",
    `ocir-broker status; ${JOURNAL}; if no pod pulls from the host that fails, set registries.prefetch: []`,
  ),

  "selinux-ok": ok("SELinux does not interfere"),
  "selinux-label": problem("a program has an SELinux label that services may not execute", RELABEL),
  "selinux-label-permissive": warning("if SELinux were enforcing, services could not execute a program", RELABEL),

  "path-untrusted": problemOf(FILE_ERRORS["path-untrusted"]),
  "kubelet-ok": ok("the kubelet runs with both flags"),
  "kubelet-not-running": problem(
    "no kubelet runs here",
    "systemctl start kubelet; journalctl -u kubelet (a wrong credential provider configuration stops it)",
  ),
  "kubelet-flags-missing": problem(
    "the kubelet was started without --image-credential-provider-config and --image-credential-provider-bin-dir",
    CONNECT,
  ),
  "kubelet-extra-args-swallowed": problem(
    "cloud-init passes --kubelet-extra-args with an equals sign, which the bootstrap script ignores",
    EXTRA_ARGS,
  ),
  "kubelet-not-restarted": problem(
    "the kubelet was started before it got the flags, or before its configuration changed",
    RESTART_KUBELET,
  ),

  "kubelet-config-ok": ok("the kubelet's credential provider configuration is valid"),
  "kubelet-config-missing": problem(
    "the file that the kubelet's flag names is missing, so the kubelet's next start will fail",
    CONNECT,
  ),
  "kubelet-config-invalid": {
    verdict: "problem",
    means: "the kubelet will not start with this credential provider configuration",
  },
  "kubelet-config-unclear": unknown("doctor cannot read this credential provider configuration; the kubelet may"),
  "kubelet-config-lint": warning("the kubelet accepts this, but it does not do what was intended"),

  "image-match-ok": ok("the kubelet calls our credential provider for this image"),
  "image-not-matched": problem(
    "the kubelet does not call our credential provider for this image",
    `set matchImages: [${MATCH_IMAGES.map((pattern) => `"${pattern}"`).join(", ")}], and restart the kubelet`,
  ),
  "other-plugin-first": warning(
    "the kubelet waits for another credential provider before it calls ours for this image",
    "remove the image from the other's matchImages, or put ours first, and restart the kubelet",
  ),

  "other-login": warning(
    "a file has a login for this registry, which pulls use before or instead of our token",
    "remove the login from the file, and restart the kubelet",
  ),
  "other-helper": warning(
    "a file names a credential helper, which CRI-O uses when we have no token, even for service accounts without rights",
    OWN_FILE,
  ),
  "root-helper-open": problem(
    "a file that CRI-O reads names root's credential helper, so every pod can pull with the node's identity " +
      "(serviceAccounts.rootHelper: node)",
    OWN_FILE,
  ),

  "plugin-ok": ok("the plugin exists and is from this release"),
  "plugin-missing": problem("the plugin is missing: the kubelet's next start will fail", NEXT.reinstall),
  "plugin-not-executable": problem(
    "the plugin cannot be executed: the kubelet's next start will fail",
    "chmod 0755 it, and check that its file system is not mounted noexec",
  ),
  "plugin-foreign": problem(
    "the program with the plugin's name is not ours",
    "ocir-broker node connect, or reinstall ocir-broker",
  ),
  "plugin-version": warning("the plugin is from another release", NEXT.reinstall),

  "plugin-response-ok": ok("the plugin returns credentials"),
  "plugin-response-garbage": problem(
    "the kubelet cannot decode the plugin's response, and pulls anonymously",
    NEXT.reinstall,
  ),
  "plugin-response-anonymous": problem("the plugin has no credentials for this image", NEXT.extraHosts),
  "plugin-failed": problem(
    'the plugin fails; the kubelet logs "error execing credential provider plugin" and pulls anonymously',
    `see the code in the evidence; ${JOURNAL}`,
  ),
  "plugin-silent": problem("the plugin does not respond in time", `${RESTART}; ${JOURNAL}`),
} as const satisfies Record<string, Diagnosis>;

/** A finding of the kubelet's rules keeps their code. */
export type DiagnosisName = keyof typeof DIAGNOSES | `kubelet-config-${FindingCode}`;

/** Undefined for an error of no package of ours: a bug. */
export function findingOfCode(code: string): keyof typeof DIAGNOSES | undefined {
  if (isOutOfTime(code)) return "out-of-time";
  return Object.hasOwn(DIAGNOSES, code) ? (code as keyof typeof DIAGNOSES) : undefined;
}
