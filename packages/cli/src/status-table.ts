/**
 * The daemon's status for people: one line for the daemon, one for the session, one for each registry host. Prints only printable
 * text, because any program might listen on the socket. Pure.
 */
import { DEFAULT_CONFIG_PATH } from "@ocir-broker/config/load";
import { printable } from "@ocir-broker/foundation/printable";
import type { ConfigDetails, HealthDetails } from "@ocir-broker/protocol/health";

type Details = NonNullable<HealthDetails["session"]>;

/** The meaning of each STATE, for the command's help. */
export const STATES: Readonly<Record<Details["state"], string>> = {
  fresh: "The value is served, and no renewal that was due has failed.",
  stale:
    "The value is still served, but its renewal has failed: an outage that no pull has noticed yet. " +
    "ENDS IN shows how long the value lasts.",
  fetching: "There is no value. A fetch is in flight, and requests wait for it.",
  "backing-off":
    "There is no value, because the last fetch failed. NEXT FETCH IN shows when the next one starts, its last failure why it failed.",
  empty: "There is no value, and none is fetched until a request needs it.",
};

const COLUMNS: readonly (readonly [title: string, of: (details: Details) => string])[] = [
  ["STATE", ({ state }) => state],
  ["AGE", ({ ageSeconds }) => duration(ageSeconds)],
  ["ENDS IN", ({ expiresInSeconds }) => duration(expiresInSeconds)],
  ["NEXT FETCH IN", ({ nextFetchInSeconds }) => duration(nextFetchInSeconds)],
  ["HITS", ({ hits }) => String(hits)],
  ["FETCHES", ({ fetches }) => String(fetches)],
  ["FAILURES", ({ failures }) => String(failures)],
];

/** Service accounts, and denied repositories, that are listed, the latest first. */
const MAX_FAILURES = 20;

/** Hosts that never had a token: pods can name any number of them. */
const MAX_OTHERS = 5;

export function renderStatus(status: HealthDetails): string {
  const { version, uptimeSeconds, region, session, registries } = status;
  const summary = [
    `ocir-broker ${version}: ${status.status}`,
    `up ${duration(uptimeSeconds)}`,
    `identity ${status.identity}`,
    `region ${region ?? "not known yet"}`,
  ];
  const lines = [
    summary.join(", "),
    ...serviceAccountsText(status),
    ...unwrittenLines(status),
    ...serviceAccountFailureLines(status),
    ...deniedLines(status),
    ...unusedHostLines(status),
  ];
  const head = `${lines.map((line) => `${printable(line)}\n`).join("")}${configText(status.config)}`;
  const hosts = Object.entries(registries);
  const served = hosts.filter(([, { lastSuccessSecondsAgo }]) => lastSuccessSecondsAgo !== null);
  const others = hosts.filter(([, { lastSuccessSecondsAgo }]) => lastSuccessSecondsAgo === null);
  const named: [string, Details][] = [
    ...(session === null ? [] : [["session", session] satisfies [string, Details]]),
    ...served,
    ...others.slice(0, MAX_OTHERS),
  ];
  if (named.length === 0) return `${head}\nno session and no token yet\n`;
  const rows = [
    ["", ...COLUMNS.map(([title]) => title)],
    ...named.map(([name, details]) => [name, ...COLUMNS.map(([, of]) => of(details))].map(printable)),
  ];
  const widths = ["", ...COLUMNS].map((_column, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const table = rows.flatMap((row, index) => [
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
    ...lastFailure(named[index - 1]?.[1]),
  ]);
  const cut = others.length > MAX_OTHERS ? `${MAX_OTHERS} of ${others.length} hosts without a token\n` : "";
  return `${head}\n${table.join("\n")}\n${cut}`;
}

function serviceAccountsText({ serviceAccounts }: HealthDetails): string[] {
  if (serviceAccounts === null) return [];
  return [`${serviceAccounts} service account${serviceAccounts === 1 ? "" : "s"} with a session`];
}

/** A daemon of an earlier release sends none. */
function unwrittenLines({ unwritten: { metrics, state } = { metrics: null, state: null } }: HealthDetails): string[] {
  return [
    ...(metrics === null ? [] : [`the metrics file cannot be written: ${metrics}`]),
    ...(state === null ? [] : [`the state cannot be written, so a restart may lose tokens: ${state}`]),
  ];
}

/** A daemon of an earlier release sends none. */
function serviceAccountFailureLines({ serviceAccountFailures: failures = [] }: HealthDetails): string[] {
  return latestOf(
    failures.map(
      ({ account, code, secondsAgo }) =>
        `  failed for ${account ?? "a service account's renewal"}: ${code}, ${duration(secondsAgo)} ago`,
    ),
  );
}

function deniedLines({ denied = [] }: HealthDetails): string[] {
  if (denied.length === 0) return [];
  const lines = denied.map(({ repository, secondsAgo }) => `  denied: ${repository}, ${duration(secondsAgo)} ago`);
  return [...latestOf(lines), "  to see why: ocir-broker doctor IMAGE"];
}

function latestOf(lines: readonly string[]): string[] {
  const latest = lines.slice(-MAX_FAILURES).reverse();
  return lines.length > MAX_FAILURES ? [...latest, `  and ${lines.length - MAX_FAILURES} more`] : latest;
}

/** Such as the own region's host on a node that pulls from another region. */
function unusedHostLines({ status, registries }: HealthDetails): string[] {
  if (status !== "degraded") return [];
  return Object.entries(registries)
    .filter(([, host]) => host.kept && host.failuresInARow > 0 && host.lastSuccessSecondsAgo === null)
    .map(([host]) => `  if no pod pulls from ${host}, set in the configuration: registries.prefetch: []`);
}

const IN_FORCE: Readonly<Record<ConfigDetails["inForce"], string>> = {
  all: "the whole file is in force",
  before: "the last valid configuration is in force",
  defaults: "the defaults are in force",
  nothing: "no configuration is in force, so every pull fails",
};

function configText(config: ConfigDetails | null): string {
  if (config === null) return "";
  const { path, inForce, error, errorPlaces, needRestart, changed = false, warning = null } = config;
  const but = error === null && (changed || warning !== null || needRestart.length > 0) ? ", but:" : "";
  const check = `ocir-broker config check${path === DEFAULT_CONFIG_PATH ? "" : ` ${path}`}`;
  return [
    `configuration ${path}: ${headOf(config)}${IN_FORCE[inForce]}${but}`,
    ...errorPlaces.map((place) => `  ${place}`),
    // For a file that cannot be used, the place is the whole error.
    ...(error === null || error === "config-unreadable" ? [] : [`  each error: ${check}`]),
    ...(warning === null ? [] : [`  ${warning}`]),
    ...(needRestart.length === 0 ? [] : [`  a restart is needed for ${needRestart.join(", ")}`]),
    ...(changed ? [`  it has changed since; to use it now: ${check} && systemctl reload ocir-broker`] : []),
  ]
    .map((line) => `${printable(line)}\n`)
    .join("");
}

function headOf({ error, inForce, changed = false }: ConfigDetails): string {
  if (error !== null) return `${error}, `;
  if (changed) return "as the daemon last read it, ";
  return inForce === "defaults" ? "there is no such file, " : "";
}

/** On a line of its own, because a terminal may have 100 columns. */
function lastFailure(details: Details | undefined): string[] {
  if (details === undefined || details.lastFailure === null) return [];
  const { lastFailure: code, lastFailureSecondsAgo, failuresInARow } = details;
  const inARow = failuresInARow > 1 ? `, ${failuresInARow} in a row` : "";
  return [printable(`  last failure: ${code}, ${duration(lastFailureSecondsAgo)} ago${inARow}`)];
}

/** Formats a duration with at most two units: `59 s`, `4 min`, `3 h 05 min`, `2 d 4 h`. */
function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "-";
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
