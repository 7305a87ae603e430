/**
 * One error in a configuration. Its message may name providers and patterns, but never an argument or the value of an
 * environment entry, because those may be secret.
 */
import { type FatalMinors, type FindingCode, RULES, type Rule } from "./rules.ts";

export interface Place {
  /** The path as the caller named it; empty if the finding is about no file. */
  readonly file: string;
  /** Counts from 1. Absent if the finding is about the whole file. */
  readonly line?: number;
  /** The place inside this file, such as `providers[0].matchImages[1]`; empty for the whole file. */
  readonly path: string;
}

export interface Finding extends Place {
  /**
   * fatal: a kubelet of this minor does not start. unknown: it may or may not start. warning: it starts, but does not do what was
   * meant.
   */
  readonly severity: "fatal" | "unknown" | "warning";
  readonly code: FindingCode;
  readonly message: string;
  readonly fix: string;
}

/** Reports a finding; implementations know the minor. */
export type Report = (code: FindingCode, place: Place, message: string) => void;

/** Collects into `findings`, with the severity that the rule has for this minor. */
export function createReport(kubeletMinor: number, findings: Finding[]): Report {
  return (code, place, message) => {
    const rule: Rule = RULES[code];
    const severity = rule.fatal === "unknown" ? "unknown" : isFatal(rule.fatal, kubeletMinor) ? "fatal" : "warning";
    findings.push({ severity, code, ...place, message, fix: rule.fix });
  };
}

/** Quotes a text of the configuration in a message: one printable line of bounded length. */
export function quote(text: string): string {
  const characters = [...text];
  const shown = characters.length > 80 ? `${characters.slice(0, 79).join("")}…` : text;
  return JSON.stringify(shown);
}

function isFatal(fatal: FatalMinors | undefined, minor: number): boolean {
  return fatal !== undefined && minor >= fatal.from && minor <= (fatal.to ?? minor);
}
