export { parseServiceAccountToken } from "./checks/kubelet/service-account-access.ts";
export { DIAGNOSES, type DiagnosisName, type Verdict } from "./diagnoses.ts";
export { type Diagnosis, diagnose } from "./doctor.ts";
export type { DoctorOptions } from "./doctor-options.ts";
export type { Finding } from "./finding.ts";
export { readDaemonEnvironment } from "./node/daemon-environment.ts";
export { askHealthSocket, type HealthAnswer } from "./node/health-socket.ts";
export { type KubeletLocation, locateKubelet, pathFaultOf } from "./node/kubelet-location.ts";
export type { Network } from "./node/network.ts";
export type { ProgramResult, ProgramRun, RunProgram } from "./node/program-run.ts";
export {
  recordTranscript,
  type Transcript,
  type TranscriptEntry,
  type TranscriptOptions,
} from "./recording/transcript.ts";
export { compareTranscripts } from "./recording/transcript-comparison.ts";
export { exitStatusOf, renderReport } from "./report.ts";
