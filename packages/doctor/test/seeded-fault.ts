/** A fault for tests: it breaks one thing of a healthy node, and doctor must name it. */
import type { DiagnosisName } from "../src/diagnoses.ts";
import type { BrokenNode } from "./broken-node.ts";

/** Returns options for doctor, if the fault lies in them. */
export type Break = (node: BrokenNode) => unknown;

export type SeededFault = readonly [
  /** The finding that doctor must report. */
  named: DiagnosisName,
  fault: string,
  breaks: Break,
  /** Other findings that the same fault causes. */
  also?: readonly DiagnosisName[],
];
