import { readFileSync } from "node:fs";
import { API_VERSIONS, MATCH_IMAGES } from "@ocir-broker/protocol/contract";
import { expect, test } from "vitest";
import { NEWEST_MINOR, OLDEST_MINOR, RULES, type Rule } from "./rules.ts";

const document = readFileSync(new URL("../../../docs/kubelet-rules.md", import.meta.url), "utf8");

function minorsOf(fatal: Rule["fatal"]): string {
  if (fatal === undefined) return "none";
  if (fatal === "unknown") return "not known";
  const { from, to } = fatal;
  if (to === undefined) return from === 26 ? "all" : `1.${from} and newer`;
  return `1.${from} to 1.${to}`;
}

test("docs/kubelet-rules.md lists every rule with its minors and its code", () => {
  const rows = Object.entries<Rule>(RULES).map(([code, { fatal }]) => `| ${minorsOf(fatal)} | \`${code}\` |`);
  expect(document).toContain(`its rules for Kubernetes 1.${OLDEST_MINOR} to 1.${NEWEST_MINOR}.`);
  const documented = document.split("\n").flatMap((line) => /^\| [^|]+ (\| .* \| `.*)/.exec(line)?.[1] ?? []);
  expect(documented).toStrictEqual(rows);
  expect(document).toContain(`the provider's apiVersion is one of ${API_VERSIONS.join(", ")} |`);
  expect(document).toContain(`both forms of OCIR's hosts: ${MATCH_IMAGES.join(" and ")} |`);
});
