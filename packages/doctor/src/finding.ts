/** One result of a check. It never contains a secret, an OCID or text from upstream; the rule in a fix names the compartment. */
import { codeOf, OwnError } from "@ocir-broker/errors/describe-error";
import type { Finding as KubeletConfigFinding } from "@ocir-broker/kubelet-config/finding";
import { DIAGNOSES, type Diagnosis, type DiagnosisName, findingOfCode, type Verdict } from "./diagnoses.ts";

export interface Finding {
  /** Stable, for scripts and for docs/reference/codes.md. */
  readonly name: DiagnosisName;
  readonly verdict: Verdict;
  readonly means: string;
  /** The observation and its place. */
  readonly evidence: string;
  /** The remedy; absent if all is well. */
  readonly fix?: string;
}

/** @param fix replaces the table's if that depends on what was seen. */
export function finding(name: keyof typeof DIAGNOSES, evidence: string, fix?: string): Finding {
  const row: Diagnosis = DIAGNOSES[name];
  const advice = fix ?? row.fix;
  return { name, verdict: row.verdict, means: row.means, evidence, ...(advice === undefined ? {} : { fix: advice }) };
}

/** An error of Oracle's services, under its own code. */
export function findingOfError(error: unknown): Finding {
  return finding(findingOfCode(codeOf(error)) ?? "check-failed", evidenceOf(error));
}

/** The place, the cause, and what the response had: the rest of the message is the finding's meaning. */
function evidenceOf(error: unknown): string {
  if (!(error instanceof OwnError)) return codeOf(error);
  const seen = error.message.replace(`: ${error.code}: ${error.row.what}`, "");
  return error.cause === undefined ? seen : `${seen}: ${codeOf(error.cause)}`;
}

/**
 * @param what the check that was left out.
 * @param cause the finding to fix first, or the error code.
 * @param needs the missing prerequisite.
 */
export function notChecked(what: string, cause: string, needs: string): Finding {
  return { ...finding("not-checked", needs), means: `${what} was not checked because of ${cause}` };
}

const KUBELET_CONFIG_ROWS = {
  fatal: "kubelet-config-invalid",
  unknown: "kubelet-config-unclear",
  warning: "kubelet-config-lint",
} as const satisfies Record<KubeletConfigFinding["severity"], DiagnosisName>;

/**
 * A finding of the kubelet's rules, under its own code.
 * @param connect the commands that put our credential provider into the file on this node.
 */
export function kubeletConfigFinding(found: KubeletConfigFinding, connect?: string): Finding {
  const isProblem = found.severity === "fatal" || found.code === "provider-missing";
  const { verdict, means } = DIAGNOSES[KUBELET_CONFIG_ROWS[found.severity]];
  const place = [found.file, found.line, found.path].filter((part) => part !== undefined && part !== "").join(":");
  return {
    name: `kubelet-config-${found.code}`,
    verdict: isProblem ? "problem" : verdict,
    means,
    evidence: place === "" ? found.message : `${place}: ${found.message}`,
    fix:
      found.code === "provider-missing" && connect !== undefined
        ? connect
        : `${found.fix}; then systemctl restart kubelet, because it reads this file only at its start`,
  };
}
