/** The matrix as a page of the documentation. */
import type { Outcome } from "./cell.ts";
import { COMBINATIONS, type Combination, UPSTREAMS } from "./combinations.ts";

export interface Row {
  readonly cold: Outcome;
  readonly warm: Outcome;
}

export const rowKey = ({ upstream, fault }: Combination): string => `${upstream.name} × ${fault}`;

const INTRODUCTION = `# What happens when an upstream fails

Each row is one fault at one upstream. \`test/system/fault-matrix\` runs the real broker against all of them on real sockets
and fails if this page differs. To regenerate the page: \`UPDATE_FAULT_MATRIX=1 npm run test:system -- fault-matrix\`.

- **Cold**: the broker starts with the fault in place, and one pull comes at once. The column shows the answer to that pull
  within its deadline of 15 s: a token, or an error with this code.
- **Warm**: a token is in memory. The fault lasts 57 minutes, past every renewal, almost to the end of that token.
  *served*: a renewed token, or one whose renewal does not depend on this upstream. *stale served*: the old token, whose
  renewal fails.
- **Next try**: after a failed fetch. *By the back-off*: 0.1–0.5 s after the first failure, the upper bound doubling up
  to 60 s. Within one fetch, the broker asks the metadata service up to four times in 5 s for each document.
- **Logged**: lines at warning or error, each once for the whole fault. A failed pull logs one more line,
  \`request failed\`, with the code.

The broker recovers from every fault by itself: at the next try, and at the next pull at the latest.
No pull failed while a valid token was in memory.

Failures to connect have their own codes, and the broker retries them by the back-off like the rows below: an unresolved
name, an untrusted certificate, a proxy that refuses. At the registry these are \`name-not-resolved\`,
\`tls\` and \`proxy-refused\`, and at the auth service the same with the prefix \`federation-\`.
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
