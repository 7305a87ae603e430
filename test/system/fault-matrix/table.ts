/** The matrix as a page of the documentation: one table of responses, the rules that the rest follows, and every exception. */
import type { Outcome } from "./cell.ts";
import { COMBINATIONS, type Combination, RETRY_AFTER_S, type UpstreamName } from "./combinations.ts";

export interface Row {
  readonly cold: Outcome;
  readonly warm: Outcome;
}

type Rows = ReadonlyMap<string, Row>;

export const rowKey = ({ upstream, fault }: Pick<Combination, "upstream" | "fault">): string =>
  `${upstream} × ${fault}`;

const NOTHING = "–";
const BACK_OFF = "by the back-off";

const COLUMNS: readonly (readonly [title: string, upstreams: readonly UpstreamName[]])[] = [
  ["Metadata service: region", ["region"]],
  ["Metadata service: certificate, key, intermediate", ["certificate", "key", "intermediate"]],
  ["Auth service", ["auth"]],
  ["Registry: token endpoint", ["token"]],
  ["Registry: access probe", ["probe"]],
];

/** Values that cannot be fetched while an upstream fails. A session's fetch needs the region, a token's the session. */
const FETCHES: Readonly<Record<UpstreamName, readonly string[]>> = {
  region: ["region", "session", "token"],
  certificate: ["session", "token"],
  key: ["session", "token"],
  intermediate: ["session", "token"],
  auth: ["session", "token"],
  token: ["token"],
  probe: [],
};

const INTRODUCTION = `# What happens when an upstream fails

An *upstream* is one of Oracle's services that the broker calls. Each cell shows what a pull gets if one upstream fails in one way, and the
broker was started while it failed. The pull gets a token (*served*) or an error with this code, within 15 s. An empty cell means that
this failure cannot occur there.

The broker recovers from every failure by itself, within a minute or after \`Retry-After\`.

\`test/system/fault-matrix\` runs the real broker against all of these faults on real sockets, and fails if this page differs.
`;

const RULES = `## Rules for every fault

- **Warm.** If the broker has a token in memory (*warm*, otherwise *cold*), no pull fails. In the test, the fault lasts 57 minutes, past
  every renewal and almost to the end of that token. If the table shows an error, the broker serves the old token, whose renewal fails
  (*stale served*). If the region is missing, tokens are still renewed, because the broker knows the region already.
- **Next try.** A failed fetch is repeated ${BACK_OFF}: 0.1–0.5 s after the first failure, with an upper bound that doubles up to 60 s.
  With \`Retry-After: ${RETRY_AFTER_S}\`, it is repeated after ${RETRY_AFTER_S} s and the back-off. Within one fetch, the broker requests each document of the
  metadata service up to four times in 5 s.
- **Log.** Each value that cannot be fetched logs \`not fetched\` with the code, as a warning, once for the whole fault. If the region is
  missing, these are the region, the session and the token. For the other documents and the auth service, they are the session and the
  token. For the token endpoint it is the token, and for the probe nothing. If warm, the session also logs
  \`session expired before it was replaced\`. A failed pull also logs \`request failed\` with the code.
- **Failures to connect** have codes of their own, and the broker retries them with the back-off. For the registry, these are
  \`name-not-resolved\`, \`tls\` (an untrusted certificate) and \`proxy-refused\`. For the auth service, they are the same with the prefix
  \`federation-\`.
`;

export function renderTable(rows: Rows): string {
  const exceptions = grouped(exceptionsIn(rows)).map(([text, faults]) => `- ${faults.join(", ")} ${text}`);
  return [INTRODUCTION, `${responseTable(rows)}\n`, RULES, `## Exceptions\n\n${exceptions.join("\n")}\n`].join("\n");
}

function responseTable(rows: Rows): string {
  const faults = [...new Set(COMBINATIONS.map(({ fault }) => fault))];
  const responses = faults.map((fault): [cells: string, fault: string] => [
    COLUMNS.map(([, upstreams]) => responseOf(upstreams, fault, rows)).join(" | "),
    fault,
  ]);
  const lines = grouped(responses).map(([cells, same]) => `| ${same.join(", ")} | ${cells} |`);
  const titles = ["Fault", ...COLUMNS.map(([title]) => title)];
  return [`| ${titles.join(" | ")} |`, `|${titles.map(() => "---|").join("")}`, ...lines].join("\n");
}

/** With the upstreams' names if they answer differently. */
function responseOf(upstreams: readonly UpstreamName[], fault: string, rows: Rows): string {
  const responses = COMBINATIONS.filter((each) => each.fault === fault && upstreams.includes(each.upstream)).map(
    (each): [response: string, name: string] => [(rows.get(rowKey(each)) as Row).cold.response, each.upstream],
  );
  const different = grouped(responses);
  if (different.length < 2) return different[0]?.[0] ?? "";
  return different.map(([response, names]) => `${names.join(", ")}: ${response}`).join("; ");
}

function exceptionsIn(rows: Rows): [text: string, fault: string][] {
  const found = COMBINATIONS.flatMap((each) => {
    const row = rows.get(rowKey(each)) as Row;
    const usual = usualRow(each, row.cold.response);
    return (["cold", "warm"] as const).flatMap((kind) =>
      (["response", "nextTry", "logged"] as const)
        .filter((part) => row[kind][part] !== usual[kind][part])
        .map((part): [text: string, name: string] => [
          `${each.fault}\0${kind}, ${PARTS[part]}: ${row[kind][part]}`,
          each.upstream,
        ]),
    );
  });
  return grouped(found).map(([text, names]) => {
    const [fault = "", what] = text.split("\0");
    return [`(${names.join(", ")}), ${what}`, fault];
  });
}

const PARTS: Readonly<Record<keyof Outcome, string>> = { response: "response", nextTry: "next try", logged: "log" };

/** The row that the page's rules say. */
function usualRow({ upstream, fault }: Combination, response: string): Row {
  const cold = { response, nextTry: NOTHING, logged: NOTHING };
  if (!response.startsWith("`")) return { cold, warm: cold };
  const nextTry = fault.includes("Retry-After") ? `${RETRY_AFTER_S} s, then ${BACK_OFF}` : BACK_OFF;
  const notFetched = FETCHES[upstream].map((what) => `${what} not fetched: ${response}`);
  const expired = FETCHES[upstream].includes("session") ? ["session expired before it was replaced"] : [];
  return {
    cold: { response, nextTry, logged: notFetched.join("; ") },
    warm:
      upstream === "region"
        ? { response: "served", nextTry: NOTHING, logged: NOTHING }
        : { response: "stale served", nextTry, logged: [...expired, ...notFetched].join("; ") },
  };
}

/** The second parts by their first, in the order of their first occurrence. */
function grouped(pairs: readonly (readonly [key: string, value: string])[]): [key: string, values: string[]][] {
  return [...Map.groupBy(pairs, ([key]) => key)].map(([key, each]) => [key, each.map(([, value]) => value)]);
}
