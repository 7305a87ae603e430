/** A fault for tests: one thing of a healthy node is broken, and doctor is to name it. */
import type { DiagnosisName } from "../src/diagnoses.ts";
import type { BrokenNode } from "./broken-node.ts";

/** What it returns are options for doctor, where the fault lies in them. */
export type Break = (node: BrokenNode) => unknown;

export interface SeededFault {
  readonly fault: string;
  readonly breaks: Break;
  readonly named: DiagnosisName;
  /** What else the same fault shows as. */
  readonly also?: readonly DiagnosisName[];
}
