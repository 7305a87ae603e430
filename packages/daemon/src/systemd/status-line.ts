/** The line that `systemctl status` shows: whether tokens are served, how old they are, and what fails. */
import type { FetchDetails, HealthDetails } from "@ocir-broker/protocol/health";

/** Limits the line's length. */
const MAX_NAMED = 3;

export function statusText(
  { session, registries }: Pick<HealthDetails, "session" | "registries">,
  note?: string,
): string {
  const hosts = Object.entries(registries).filter(([, details]) => details.kept || details.ageSeconds !== undefined);
  const served = hosts.filter(([, { ageSeconds }]) => ageSeconds !== undefined);
  const all = [...(session === null ? [] : [session]), ...hosts.map(([, details]) => details)];
  return [
    servedText(served),
    session === null || session.ageSeconds === undefined ? "no session" : `session ${lifeText(session)}`,
    nextText(all),
    ...failureTexts(all),
    ...(note === undefined ? [] : [note]),
  ].join("; ");
}

function servedText(served: readonly (readonly [host: string, details: FetchDetails])[]): string {
  if (served.length === 0) return "no token yet";
  const named = served.slice(0, MAX_NAMED).map(([host, details]) => `${host} ${lifeText(details)}`);
  const others = served.length > MAX_NAMED ? [`${served.length - MAX_NAMED} more`] : [];
  const count = served.length === 1 ? "1 registry host" : `${served.length} registry hosts`;
  return `serving ${count} (${[...named, ...others].join(", ")})`;
}

function lifeText({ ageSeconds = 0, expiresInSeconds = 0 }: FetchDetails): string {
  return `${lengthText(ageSeconds)} old with ${lengthText(expiresInSeconds)} left`;
}

function nextText(all: readonly FetchDetails[]): string {
  const due = all.map(({ nextFetchInSeconds }) => nextFetchInSeconds).filter((seconds) => seconds !== null);
  return due.length === 0 ? "no renewal due" : `next renewal in ${lengthText(Math.min(...due))}`;
}

/** The codes of current failures, each once. */
function failureTexts(all: readonly FetchDetails[]): string[] {
  const codes = all.filter(({ failuresInARow }) => failuresInARow > 0).map(({ lastFailure }) => lastFailure);
  return codes.length === 0 ? [] : [`failing with ${[...new Set(codes)].join(", ")}`];
}

/** Whole minutes, so that the line changes at most once a minute. */
function lengthText(seconds: number): string {
  if (seconds < 60) return "<1 min";
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`;
}
