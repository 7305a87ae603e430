/** The matrix as a page of the documentation. */
import type { Outcome } from "./cell.ts";
import { COMBINATIONS, type Combination, UPSTREAMS } from "./combinations.ts";

export interface Row {
  readonly cold: Outcome;
  readonly warm: Outcome;
}

export const rowKey = ({ upstream, fault }: Combination): string => `${upstream.name} × ${fault}`;

const INTRODUCTION = `# What happens when an upstream fails

Each row is one fault at one upstream, met by the real broker on real sockets; \`test/system/fault-matrix\` runs them all
and fails where this page says something else. To write it anew: \`UPDATE_FAULT_MATRIX=1 npm run test:system -- fault-matrix\`.

- **Cold**: the broker starts with the fault in place, and one pull comes at once. The answer is what that pull gets
  within its deadline of 15 s: a token, or an error with this code.
- **Warm**: a token is in memory. The fault lasts 57 minutes, past every renewal, almost to the end of that token.
  *served*: a renewed token, or one whose renewal does not depend on this upstream. *stale served*: the old token, whose
  renewal fails.
- **Next try**: after a failed fetch. *By the back-off*: 0.1–0.5 s after the first failure, the upper bound doubling up
  to 60 s. Beneath it, the metadata service is asked up to four times within 5 s for each document.
- **Logged**: lines at warning or error, each once for the whole of the fault. A pull that fails has one line more,
  \`request failed\`, with the code.

After the fault every one of them heals by itself: at the next try, and at the next pull at the latest.
No pull failed while a token in memory was good.

What keeps a connection from being made has a code of its own, and is tried again by the back-off like the rows below: a name
that is not resolved, a certificate that is not trusted, a proxy that refuses. At the registry these are \`name-not-resolved\`,
\`tls\` and \`proxy-refused\`, at the auth service the same with \`federation-\` before it.
`;

export function renderTable(rows: ReadonlyMap<string, Row>): string {
  const sections = UPSTREAMS.map(({ name, title }) => {
    const lines = COMBINATIONS.filter(({ upstream }) => upstream.name === name).map((combination) => {
      const { cold, warm } = rows.get(rowKey(combination)) as Row;
      return [combination.fault, cold.answer, cold.nextTry, cold.logged, warm.answer, warm.nextTry, warm.logged];
    });
    const head = ["Fault", "Cold", "Next try", "Logged", "Warm", "Next try", "Logged"];
    const table = [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
    return `## ${title}\n\n${table}\n`;
  });
  return [INTRODUCTION, ...sections].join("\n");
}
