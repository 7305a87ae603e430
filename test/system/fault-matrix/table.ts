/** The generated parts of the page: a table of responses, and every exception to the rules that the page has. */
import type { Table } from "../../documentation/generated-table.ts";
import type { Outcome } from "./cell.ts";
import { COMBINATIONS, type Combination, RETRY_AFTER_S, type UpstreamName } from "./combinations.ts";

export type Row = Readonly<Record<"cold" | "warm", Outcome>>;

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

/** The responses of a cold broker, and every exception to the page's rules. */
export function tablesOf(rows: Rows): Table[] {
  const faults = [...new Set(COMBINATIONS.map(({ fault }) => fault))];
  const responses = faults.map((fault): [cells: string, fault: string] => [
    COLUMNS.map(([, upstreams]) => responseOf(upstreams, fault, rows)).join(" | "),
    fault,
  ]);
  return [
    {
      name: "responses",
      titles: ["Fault", ...COLUMNS.map(([title]) => title)],
      rows: grouped(responses).map(([cells, same]) => `| ${same.join(", ")} | ${cells} |`),
    },
    {
      name: "exceptions",
      rows: grouped(exceptionsIn(rows)).map(([text, same]) => `- ${same.join(", ")} ${text}`),
    },
  ];
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
