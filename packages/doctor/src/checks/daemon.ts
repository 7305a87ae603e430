/** Reads from the daemon's health socket whether it runs, which release it is, and what fails. */
import { ERROR_TABLE } from "@ocir-broker/credentials/error-catalogue";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { askHealthSocket } from "@ocir-broker/node/health-socket";
import type { HealthDetails } from "@ocir-broker/protocol/health";
import type { Check, CheckContext } from "../check-context.ts";
import { type Finding, finding } from "../finding.ts";

/** Pods can name any number of registry hosts. */
const SHOWN = 5;

/** A kubelet tries a failed pull again after 5 minutes at the latest. */
const RECENT_SECONDS = 600;

export const checkDaemon: Check = async (context) => {
  const status = await readStatus(context);
  if ("verdict" in status) return status;
  const { metrics, state } = status.unwritten;
  return [
    healthFinding(status),
    ...configFindings(status),
    metrics === null ? undefined : finding("metrics-not-written", metrics),
    state === null ? undefined : finding("state-not-written", state),
    // With a pod's token, plugin-response.ts reports the failures, after its own pull.
    ...(context.serviceAccountToken === undefined ? serviceAccountFindings(status) : []),
  ];
};

/** The failures of service accounts that the daemon has seen until now. */
export async function failuresOfServiceAccounts(context: CheckContext): Promise<Finding[]> {
  const status = await readStatus(context);
  return "verdict" in status ? [] : serviceAccountFindings(status);
}

/** Only of a daemon of this release: another one's status may have another form. */
async function readStatus({ config, files, clock, version }: CheckContext): Promise<HealthDetails | Finding> {
  const path = config.sockets.health;
  const response = await askHealthSocket(files.locate(path), "/status", clock);
  if ("failure" in response) {
    const evidence = `${path}: ${response.failure}`;
    if (response.failure === "EACCES") return finding("needs-root", evidence);
    const isDown = response.failure === "ENOENT" || response.failure === "ECONNREFUSED";
    return finding(isDown ? "daemon-down" : "daemon-stuck", evidence);
  }
  const status = parseJson(response.body) as HealthDetails | undefined;
  if (status?.version === version) return status;
  return finding("daemon-version", `the daemon is ${status?.version}, this program ${version}`);
}

/**
 * One finding for each code. Only a token exchange shows whether the exchanging service trusts the cluster. The daemon has tried
 * one; doctor cannot.
 */
function serviceAccountFindings({ serviceAccountFailures }: HealthDetails): Finding[] {
  const recent = serviceAccountFailures.filter(({ secondsAgo }) => secondsAgo <= RECENT_SECONDS);
  return [...Map.groupBy(recent, ({ code }) => code)].flatMap(([code, failures]) => {
    const row = Object.hasOwn(ERROR_TABLE, code) ? ERROR_TABLE[code as keyof typeof ERROR_TABLE] : undefined;
    const last = failures.at(-1);
    if (row === undefined || last === undefined) return [];
    const others = failures.length === 1 ? "" : ` and ${failures.length - 1} more`;
    const evidence = `${last.account ?? "a renewal"}${others}: ${code}, ${last.secondsAgo} s ago: ${row.what}`;
    return [finding("service-account-failed", evidence, row.next)];
  });
}

/** The daemon's own view counts: it may be unable to read a file that root can read, or still use an older version of it. */
function configFindings({ config }: HealthDetails): Finding[] {
  if (config === null) return [];
  const { path, error, errorPlaces, needRestart, changed } = config;
  return [
    ...(error === null ? [] : [finding("daemon-config", [`${path}: ${error}`, ...errorPlaces].join("; "))]),
    ...(changed ? [finding("daemon-config", `${path}: changed since it was read`)] : []),
    ...(needRestart.length === 0 ? [] : [finding("daemon-restart-needed", needRestart.join(", "))]),
  ];
}

function healthFinding({ status, uptimeSeconds, identity, session, registries }: HealthDetails): Finding {
  const evidence = [`"${status}", up for ${Math.ceil(uptimeSeconds / 60)} min`, `identity ${identity}`];
  // While all is well, only names that no image of ours can mean have failed.
  if (status === "ok") return finding("daemon-ok", evidence.join("; "));
  const failing = Object.entries({ ...(session === null ? {} : { session }), ...registries })
    .filter(([, { failuresInARow }]) => failuresInARow > 0)
    .map(([what, { lastFailure, failuresInARow }]) => `${what}: ${lastFailure}, ${failuresInARow} in a row`);
  const seen = [...evidence, ...failing.slice(0, SHOWN)].join("; ");
  return finding(status === "starting" ? "daemon-starting" : "daemon-degraded", seen);
}
