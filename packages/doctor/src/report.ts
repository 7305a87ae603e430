/** Renders findings for people: one line for each good result, problems last, next to the prompt. Also the exit status. */
import { styleText } from "node:util";
import { printable } from "@ocir-broker/foundation/printable";
import type { Verdict } from "./diagnoses.ts";
import type { Finding } from "./finding.ts";

const ORDER: readonly Verdict[] = ["ok", "unknown", "warning", "problem"];

const MARKS = {
  ok: { mark: "ok      ", style: "green" },
  unknown: { mark: "unknown ", style: "cyan" },
  warning: { mark: "warning ", style: "yellow" },
  problem: { mark: "PROBLEM ", style: "red" },
} as const satisfies Record<Verdict, object>;

const INDENT = " ".repeat(MARKS.ok.mark.length);

/** @param colored with a terminal's escape sequences. */
export function renderReport(findings: readonly Finding[], { colored }: { readonly colored: boolean }): string {
  const sorted = findings.toSorted((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  return `${sorted.map((each) => renderFinding(each, colored)).join("\n")}\n\n${summaryOf(findings)}\n`;
}

function renderFinding({ name, verdict, means, evidence, fix }: Finding, colored: boolean): string {
  const { mark, style } = MARKS[verdict];
  const head = colored ? styleText(style, mark, { validateStream: false }) : mark;
  if (verdict === "ok") return `${head}${means} (${printable(evidence)})`;
  const lines = [`${head}${name}: ${means}`, `${INDENT}seen: ${printable(evidence)}`];
  return [...lines, ...(fix === undefined ? [] : [`${INDENT}fix:  ${printable(fix)}`])].join("\n");
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (verdict: Verdict): number => findings.filter((each) => each.verdict === verdict).length;
  if (count("ok") === findings.length) return "No problems found.";
  const parts = ORDER.toReversed().flatMap((verdict) => (count(verdict) > 0 ? [`${verdict}: ${count(verdict)}`] : []));
  const order = count("problem") > 1 ? " Start with the first PROBLEM: later ones may follow from it." : "";
  return `${parts.join(", ")}.${order} codes.md (on a node in /usr/share/doc/ocir-broker) explains each name.`;
}

/** 0: no problem. 1: a problem. 2: no problem was found, but a check could not be made. */
export function exitStatusOf(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ verdict }) => verdict === "problem")) return 1;
  return findings.some(({ verdict }) => verdict === "unknown") ? 2 : 0;
}
