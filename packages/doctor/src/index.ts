export { parseServiceAccountToken } from "./checks/kubelet/service-account-access.ts";
export { DIAGNOSES, type Diagnosis, type DiagnosisName } from "./diagnoses.ts";
export { diagnose } from "./doctor.ts";
export type { DoctorOptions } from "./doctor-options.ts";
export { readDaemonEnvironment } from "./node/daemon-environment.ts";
export { askHealthSocket, askSocket } from "./node/health-socket.ts";
export { locateKubelet, pathFaultOf } from "./node/kubelet-location.ts";
export { recordTranscript } from "./recording/transcript.ts";
export { exitStatusOf, renderReport } from "./report.ts";
