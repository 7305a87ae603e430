/** The figures of docs/fleet.md as Markdown tables. */
import { CONTENDERS, type Contender } from "./nodes.ts";
import { type Evenness, POLICIES, type Policy } from "./renewal-instants.ts";
import { expectedPeak, RequestSeries } from "./request-series.ts";
import type { Run, Scenario } from "./scenarios.ts";
import type { ServiceName } from "./upstream-model.ts";

export type Runs = Readonly<Record<Contender, Run>>;

const SERVICES: readonly ServiceName[] = ["metadata", "auth", "tokens"];
const CONTENDER_NAMES = Object.keys(CONTENDERS) as Contender[];

const SHORT_NAMES: Readonly<Record<Contender, string>> = { broker: "broker", exec: "exec", cachedExec: "exec, kept" };

/** From when on every node of a fleet that booted at once has renewed its token for the first time. */
export const FIRST_RENEWALS_OVER_S = 36 * 60;

export function overviewTable(runs: Runs): string {
  const { scenario } = runs.broker;
  const [fromS, untilS] = spanOf(scenario);
  const row = (name: string, cell: (run: Run) => string) => [name, ...CONTENDER_NAMES.map((name) => cell(runs[name]))];
  const rows = SERVICES.flatMap((service) => [
    row(`${service}: mean`, ({ traffic }) => perSecond(traffic[service].asked.mean(fromS, untilS))),
    row(`${service}: highest minute`, ({ traffic }) => perSecond(traffic[service].asked.peakMinute(fromS, untilS))),
    row(`${service}: highest second`, ({ traffic }) => count(traffic[service].asked.peakSecond(fromS, untilS))),
    row(`${service}: refused`, ({ traffic }) => count(traffic[service].refused.total(fromS, untilS))),
  ]);
  return table(
    ["requests a second", ...Object.values(CONTENDERS)],
    [
      ...rows,
      row("pulls", ({ pulls }) => count(pulls.length)),
      row("of these without credentials at first", (run) => percent(failedAtFirst(run))),
      row("wait for credentials: 99 of 100 within", (run) =>
        seconds(waits(run).at(-Math.ceil(run.pulls.length / 100))),
      ),
      row("wait for credentials: longest", (run) => seconds(waits(run).at(-1))),
    ],
  );
}

/** Minutes since the incident began, and the average of each. */
export function timeTable(runs: Runs, minutes: readonly number[]): string {
  const [fromS] = spanOf(runs.broker.scenario);
  const columns = SERVICES.flatMap((service) => CONTENDER_NAMES.map((name) => ({ service, name })));
  return table(
    ["minute", ...columns.map(({ service, name }) => `${service}: ${SHORT_NAMES[name]}`)],
    minutes.map((minute) => [
      String(minute),
      ...columns.map(({ service, name }) => {
        const startS = fromS + minute * 60;
        return perSecond(runs[name].traffic[service].asked.mean(startS, startS + 60));
      }),
    ]),
  );
}

/** What the broker asks once all first renewals are over, against its mean and against chance. */
export function evennessTable({ broker }: Runs): string {
  const rows = evennessAfterBoot(broker).map(({ name, ...evenness }) => [name, ...evennessCells(evenness)]);
  return table(["asked by 10 000 brokers", ...EVENNESS_COLUMNS], rows);
}

export function evennessAfterBoot({ scenario, traffic }: Run): ({ name: string } & Evenness)[] {
  const [fromS, untilS] = [FIRST_RENEWALS_OVER_S, scenario.lengthS];
  function together(...services: readonly (keyof typeof traffic)[]): RequestSeries {
    const all = new RequestSeries();
    for (const service of services) {
      traffic[service].asked.seconds(0, untilS).forEach((requests, second) => {
        all.add(second * 1_000, requests);
      });
    }
    return all;
  }
  const chance = (mean: number): number => expectedPeak(mean, untilS - fromS);
  const [tokens, auth] = [traffic.tokens.asked, traffic.auth.asked];
  // A session is four requests in one moment: chance draws the moment, not each of them.
  const sessions = auth.mean(fromS, untilS);
  const series: readonly (readonly [string, RequestSeries, number])[] = [
    ["tokens", tokens, chance(tokens.mean(fromS, untilS))],
    ["auth", auth, chance(sessions)],
    ["both together", together("tokens", "auth"), chance(tokens.mean(fromS, untilS) + sessions)],
    ["all three services together", together("tokens", "auth", "metadata"), 4 * chance(sessions)],
  ];
  return series.map(([name, asked, expectedPeakSecond]) => ({
    name,
    mean: asked.mean(fromS, untilS),
    peakSecond: asked.peakSecond(fromS, untilS),
    peakMinute: asked.peakMinute(fromS, untilS),
    expectedPeakSecond,
  }));
}

export interface PolicyRow {
  readonly policy: Policy;
  readonly nodes: number;
  readonly evenness: Evenness;
}

export function policyTable(rows: readonly PolicyRow[]): string {
  return table(
    ["nodes", "renewal", ...EVENNESS_COLUMNS],
    rows.map(({ policy, nodes, evenness }) => [count(nodes), POLICIES[policy], ...evennessCells(evenness)]),
  );
}

const EVENNESS_COLUMNS = ["mean", "highest second", "by chance alone", "highest minute"];

function evennessCells({ mean, peakSecond, expectedPeakSecond, peakMinute }: Evenness): string[] {
  const times = (peak: number, text: string) => `${text} (${(peak / mean).toFixed(2)} ×)`;
  return [
    perSecond(mean),
    times(peakSecond, count(peakSecond)),
    times(expectedPeakSecond, perSecond(expectedPeakSecond)),
    times(peakMinute, perSecond(peakMinute)),
  ];
}

export function spanOf({ warmUpS, lengthS }: Scenario): [number, number] {
  return [warmUpS, warmUpS + lengthS];
}

export function failedAtFirst({ pulls }: Run): number {
  return pulls.filter(({ failures }) => failures > 0).length / pulls.length;
}

/** Of every pull, in ascending order; one that still waits at the end counts as infinite. */
function waits({ pulls }: Run): number[] {
  return pulls
    .map(({ askedAtMs, servedAtMs }) => (servedAtMs ?? Number.POSITIVE_INFINITY) - askedAtMs)
    .sort((a, b) => a - b);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, column) => (column === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

function perSecond(requests: number): string {
  return requests >= 99.95 || requests === 0 ? count(requests) : requests.toFixed(1);
}

function count(number: number): string {
  return Math.round(number)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, " ");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

function seconds(ms: number | undefined): string {
  if (ms === undefined || ms === Number.POSITIVE_INFINITY) return "not in these two hours";
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${count(ms / 1_000)} s`;
}
