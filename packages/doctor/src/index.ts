export { DIAGNOSES, type Diagnosis, type DiagnosisName } from "./diagnoses.ts";
export { diagnose } from "./doctor.ts";
export type { DoctorOptions } from "./doctor-options.ts";
export { recordTranscript } from "./recording/transcript.ts";
export { exitStatusOf, renderReport } from "./report.ts";
