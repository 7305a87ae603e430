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

/** @param fix instead of the table's own, where it depends on what was seen. */
export function finding(name: keyof typeof DIAGNOSES, evidence: string, fix?: string): Finding {
  const row: { verdict: Verdict; means: string; fix?: string } = DIAGNOSES[name];
  const advice = fix ?? row.fix;
  return { name, verdict: row.verdict, means: row.means, evidence, ...(advice === undefined ? {} : { fix: advice }) };
}

/** What the kubelet's rules say, under their own code. */
export function kubeletConfigFinding(found: KubeletConfigFinding): Finding {
  const isProblem = found.severity === "fatal" || found.code === "provider-missing";
  const { verdict, means } = DIAGNOSES[found.severity === "fatal" ? "kubelet-config-invalid" : "kubelet-config-lint"];
  const place = [found.file, found.line, found.path].filter((part) => part !== undefined && part !== "").join(":");
  return {
    name: `kubelet-config-${found.code}`,
    verdict: isProblem ? "problem" : verdict,
    means,
    evidence: place === "" ? found.message : `${place}: ${found.message}`,
    fix: `${found.fix}; then systemctl restart kubelet, which reads its configuration only at its start`,
  };
}
