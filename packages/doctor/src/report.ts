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

const USUAL_COLUMNS = 80;

const INDENT = " ".repeat(MARKS.ok.mark.length);

export interface ReportForm {
  /** Whether to use a terminal's escape sequences. */
  readonly colored: boolean;
  /** The terminal's width; 0 if it has not said it, as a serial console. Lines are not wrapped without a terminal. */
  readonly columns?: number | undefined;
  readonly image: string | undefined;
  /** Whether a terminal shows what was seen also where all is well. */
  readonly isVerbose?: boolean | undefined;
}

/** A command, or a policy statement in backticks: not broken, because people copy it. */
const COPIED = /^(?:`|(?:ocir-broker|systemctl|systemd-\S+|journalctl|chmod|restorecon|kubectl)(?: |$))/;

export function renderReport(findings: readonly Finding[], form: ReportForm): string {
  const sorted = findings.toSorted((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  const summary = wrap(summaryOf(findings, form), 0, form);
  return `${sorted.map((each) => renderFinding(each, form)).join("\n")}\n\n${summary}\n`;
}

function renderFinding({ name, verdict, means, evidence, fix }: Finding, form: ReportForm): string {
  const { mark, style } = MARKS[verdict];
  const head = form.colored ? styleText(style, mark, { validateStream: false }) : mark;
  if (verdict === "ok") {
    const isBrief = form.columns !== undefined && !form.isVerbose;
    return `${head}${wrap(isBrief ? means : `${means} (${printable(evidence)})`, mark.length, form)}`;
  }
  const labelled = (label: string, steps: readonly string[]) => {
    const indent = INDENT.length + label.length;
    const wrapped = steps.map((step) => (COPIED.test(step) ? step.replaceAll("`", "") : wrap(step, indent, form)));
    return `${INDENT}${label}${wrapped.join(`\n${" ".repeat(indent)}`)}`;
  };
  return [
    `${head}${wrap(`${name}: ${means}`, mark.length, form)}`,
    labelled("seen: ", [printable(evidence)]),
    ...(fix === undefined ? [] : [labelled("fix:  ", stepsIn(printable(fix), form))]),
  ].join("\n");
}

/** On a terminal, each step stands on a line of its own. */
function stepsIn(fix: string, { columns }: ReportForm): string[] {
  if (columns === undefined) return [fix];
  return fix.split(/; |(`[^`]+`)/).flatMap((step) => step?.trim() || []);
}

/** Breaks at spaces. The first line starts after `indent` columns, and so do the others. */
function wrap(text: string, indent: number, { columns = Infinity }: ReportForm): string {
  const width = columns === 0 ? USUAL_COLUMNS : columns;
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || indent + last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}

function summaryOf(findings: readonly Finding[], { image }: ReportForm): string {
  const count = (verdict: Verdict): number => findings.filter((each) => each.verdict === verdict).length;
  const unchecked = image === undefined ? " No image was given, so no policy was checked." : "";
  if (count("ok") === findings.length) return `No problems found.${unchecked}`;
  const parts = ORDER.toReversed().flatMap((verdict) => (count(verdict) > 0 ? [`${verdict}: ${count(verdict)}`] : []));
  const order = count("problem") > 1 ? " Start with the first PROBLEM: later ones may follow from it." : "";
  return `${parts.join(", ")}.${order} codes.md (on a node in /usr/libexec/ocir-broker/current/doc) explains each name.`;
}

/** 0: no problem. 1: a problem. 3: no problem was found, but a check could not be made. */
export function exitStatusOf(findings: readonly Finding[]): 0 | 1 | 3 {
  if (findings.some(({ verdict }) => verdict === "problem")) return 1;
  return findings.some(({ verdict }) => verdict === "unknown") ? 3 : 0;
}
