export { DIAGNOSES, type DiagnosisName, type Verdict } from "./diagnoses.ts";
export { type Diagnosis, diagnose } from "./doctor.ts";
export type { Finding } from "./finding.ts";
export { askHealthSocket, type HealthAnswer } from "./health-socket.ts";
export type { Network } from "./network.ts";
export type { ProgramResult, ProgramRun, RunProgram } from "./program-run.ts";
export type { DoctorOptions, DoctorSettings } from "./settings.ts";
export { recordTranscript, type Transcript, type TranscriptEntry, type TranscriptOptions } from "./transcript.ts";
export { compareTranscripts } from "./transcript-comparison.ts";
