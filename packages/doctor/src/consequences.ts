/** One cause is one problem: a finding that only follows from another one becomes `not-checked`, and names its cause. */
import { type DiagnosisName, findingOfCode } from "./diagnoses.ts";
import { type Finding, notChecked } from "./finding.ts";

const FOLLOWS: Readonly<Partial<Record<DiagnosisName, readonly DiagnosisName[]>>> = {
  "image-match-ok": ["kubelet-not-restarted"],
  "image-not-matched": ["kubelet-config-providers-missing"],
  "kubelet-config-provider-missing": ["kubelet-config-providers-missing"],
  "kubelet-config-provider-executable-missing": ["plugin-missing", "plugin-not-executable"],
  "kubelet-flags-missing": ["not-installed"],
  "service-accounts-unused": ["kubelet-config-missing"],
  "socket-missing": ["unit-masked"],
  "daemon-down": ["unit-masked", "socket-missing"],
  "plugin-failed": ["unit-masked", "socket-missing"],
};

/** Findings about the daemon that follow if one of Oracle's services fails; doctor reports the cause itself. */
const OF_DAEMON: readonly DiagnosisName[] = ["plugin-failed", "plugin-silent"];

/** @param upstream those of identity and registry. */
export function withoutConsequences(findings: readonly Finding[], upstream: readonly Finding[]): Finding[] {
  const names = new Set(findings.filter(({ verdict }) => verdict !== "ok").map(({ name }) => name));
  const upstreamCause = upstream.find(({ verdict }) => verdict === "problem")?.name;
  return findings.map((found) => {
    const cause =
      FOLLOWS[found.name]?.find((name) => names.has(name)) ?? (isOfDaemon(found) ? upstreamCause : undefined);
    return cause === undefined ? found : notChecked(found.name, cause, found.evidence);
  });
}

/** A code of ours in the evidence is an error of Oracle's services, unlike one of the plugin alone. */
function isOfDaemon({ name, evidence }: Finding): boolean {
  const code = /, code ([a-z-]+)$/.exec(evidence)?.[1];
  return OF_DAEMON.includes(name) && (code === undefined || findingOfCode(code) !== undefined);
}
