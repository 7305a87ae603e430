/** One thing that was looked at, and what it showed. Evidence never holds a secret, an OCID or a text from upstream. */
import type { Finding as KubeletConfigFinding } from "@ocir-broker/kubelet-config";
import { DIAGNOSES, type DiagnosisName, type Verdict } from "./diagnoses.ts";

export interface Finding {
  /** Stable, for scripts and for docs/troubleshooting.md. */
  readonly name: DiagnosisName;
  readonly verdict: Verdict;
  readonly means: string;
  /** What was seen, and where. */
  readonly evidence: string;
  /** What to do; none where all is well. */
  readonly fix?: string;
}

export interface Particulars {
  /** Instead of the table's own, where it depends on what was seen. */
  readonly fix?: string;
  /** Which one the table's "the service" is. */
  readonly service?: "the auth service" | "the registry";
}

export function finding(name: keyof typeof DIAGNOSES, evidence: string, { fix, service }: Particulars = {}): Finding {
  const row: { verdict: Verdict; means: string; fix?: string } = DIAGNOSES[name];
  const advice = fix ?? row.fix;
  const means = service === undefined ? row.means : row.means.replace("the service", service);
  return { name, verdict: row.verdict, means, evidence, ...(advice === undefined ? {} : { fix: advice }) };
}

/**
 * @param what was left out.
 * @param cause the finding to mend first, or the code of what failed.
 * @param needs what it would have taken.
 */
export function notChecked(what: string, cause: string, needs: string): Finding {
  return { ...finding("not-checked", needs), means: `${what} was not looked at, because of ${cause}` };
}

/**
 * What the kubelet's rules say, under their own code.
 * @param connect how our provider gets into the file on this node.
 */
export function kubeletConfigFinding(found: KubeletConfigFinding, connect?: string): Finding {
  const isProblem = found.severity === "fatal" || found.code === "provider-missing";
  const { verdict, means } = DIAGNOSES[found.severity === "fatal" ? "kubelet-config-invalid" : "kubelet-config-lint"];
  const place = [found.file, found.line, found.path].filter((part) => part !== undefined && part !== "").join(":");
  return {
    name: `kubelet-config-${found.code}`,
    verdict: isProblem ? "problem" : verdict,
    means,
    evidence: place === "" ? found.message : `${place}: ${found.message}`,
    fix:
      found.code === "provider-missing" && connect !== undefined
        ? connect
        : `${found.fix}; then systemctl restart kubelet, which reads its configuration only at its start`,
  };
}
