/** Reads from the daemon's health socket whether it runs, which release it is, and what fails. */
import fs from "node:fs";
import { dirname } from "node:path";
import { ERROR_TABLE } from "@ocir-broker/credentials/error-catalogue";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { askHealthSocket } from "@ocir-broker/node/health-socket";
import * as z from "zod";
import type { Check, CheckContext } from "../check-context.ts";
import { type Finding, finding } from "../finding.ts";

const SHOWN = 5;

const status = z.object({
  status: z.enum(["ok", "degraded", "starting"]),
  version: z.string(),
  uptimeSeconds: z.number(),
  session: z.object({ lastFailure: z.string().nullable(), failuresInARow: z.number() }).nullable(),
  serviceAccountFailures: z.array(
    z.object({ account: z.string().max(320).nullable(), code: z.string(), secondsAgo: z.number() }),
  ),
  identity: z.string().max(40),
  config: z
    .object({
      path: z.string(),
      error: z.string().nullable(),
      errorPlaces: z.array(z.string()),
      needRestart: z.array(z.string()),
      changed: z.boolean().optional(),
    })
    .nullable(),
  unwritten: z.object({ metrics: z.string().nullable(), state: z.string().nullable() }).optional(),
  registries: z.record(z.string(), z.object({ lastFailure: z.string().nullable(), failuresInARow: z.number() })),
});

type Status = z.output<typeof status>;

/** A kubelet tries a failed pull again after 5 minutes at the latest. */
const RECENT_SECONDS = 600;

export const checkDaemon: Check = async (context) => {
  const read = await readStatus(context);
  if ("finding" in read) return read.finding;
  const { data } = read;
  // With a pod's token, plugin-response.ts reports the failures, after its own pull.
  const ofAccounts = context.serviceAccountToken === undefined ? serviceAccountFindings(data) : [];
  const { metrics = null, state = null } = data.unwritten ?? {};
  return [
    healthFinding(data),
    ...configFindings(data),
    metrics === null ? undefined : finding("metrics-not-written", metrics),
    state === null ? undefined : finding("state-not-written", state),
    ...ofAccounts,
    data.version === context.version
      ? undefined
      : finding("daemon-version", `the daemon is ${data.version}, this program ${context.version}`),
  ];
};

/** The failures of service accounts that the daemon has seen until now. */
export async function failuresOfServiceAccounts(context: CheckContext): Promise<Finding[]> {
  const read = await readStatus(context);
  return "finding" in read ? [] : serviceAccountFindings(read.data);
}

async function readStatus({
  config,
  files,
  clock,
}: CheckContext): Promise<{ readonly data: Status } | { readonly finding: Finding }> {
  const path = config.sockets.health;
  const response = await askHealthSocket(files.locate(path), "/status", clock);
  if ("failure" in response) {
    const failed = `${path}: ${response.failure}`;
    if (response.failure === "EACCES") return { finding: finding("needs-root", failed) };
    // Systemd, which holds the socket, then cannot start the daemon.
    const full = [dirname(path), "/tmp"].find((folder) => isFull(files.locate(folder)));
    if (full !== undefined) {
      const fix = `free space: df ${full}; df -i ${full}`;
      return { finding: finding("disk-full", `${full} has no free space; ${failed}`, { fix }) };
    }
    const isDown = response.failure === "ENOENT" || response.failure === "ECONNREFUSED";
    return { finding: finding(isDown ? "daemon-down" : "daemon-stuck", failed) };
  }
  const { data } = status.safeParse(parseJson(response.body));
  if (data !== undefined) return { data };
  return { finding: finding("daemon-version", `${path}: this release cannot read this version of /status`) };
}

function isFull(folder: string): boolean {
  const room = resultIfAny(() => fs.statfsSync(folder));
  return room !== undefined && ((room.blocks > 0 && room.bfree === 0) || (room.files > 0 && room.ffree === 0));
}

/**
 * One finding for each code. Only a token exchange shows whether the exchanging service trusts the cluster. The daemon has tried
 * one; doctor cannot.
 */
function serviceAccountFindings({ serviceAccountFailures }: Status): Finding[] {
  const recent = serviceAccountFailures.filter(({ secondsAgo }) => secondsAgo <= RECENT_SECONDS);
  return [...Map.groupBy(recent, ({ code }) => code)].flatMap(([code, failures]) => {
    const row = Object.hasOwn(ERROR_TABLE, code) ? ERROR_TABLE[code as keyof typeof ERROR_TABLE] : undefined;
    const last = failures.at(-1);
    if (row === undefined || last === undefined) return [];
    const others = failures.length === 1 ? "" : ` and ${failures.length - 1} more`;
    const evidence = `${last.account ?? "a renewal"}${others}: ${code}, ${last.secondsAgo} s ago: ${row.what}`;
    return [finding("service-account-failed", evidence, { fix: row.next })];
  });
}

/** The daemon's own view counts: it may be unable to read a file that root can read, or still use an older version of it. */
function configFindings({ config }: Status): Finding[] {
  if (config === null) return [];
  const { path, error, errorPlaces, needRestart, changed } = config;
  return [
    ...(error === null ? [] : [finding("daemon-config", [`${path}: ${error}`, ...errorPlaces].join("; "))]),
    ...(changed ? [finding("daemon-config", `${path}: changed since it was read`)] : []),
    ...(needRestart.length === 0 ? [] : [finding("daemon-restart-needed", needRestart.join(", "))]),
  ];
}

function healthFinding(data: Status): Finding {
  const failing = [
    ...(data.session === null ? [] : [["session", data.session] as const]),
    ...Object.entries(data.registries),
  ].flatMap(([what, { lastFailure, failuresInARow }]) =>
    failuresInARow > 0
      ? [`${what}: ${lastFailure}${failuresInARow > 1 ? `, ${failuresInARow} times in a row` : ""}`]
      : [],
  );
  const evidence = [
    `"${data.status}", up for ${data.uptimeSeconds < 120 ? `${data.uptimeSeconds} s` : `${Math.round(data.uptimeSeconds / 60)} min`}`,
    `identity ${data.identity}`,
    // While all is well, only names that no image of ours can mean have failed.
    ...(failing.length === 0 || data.status === "ok" ? [] : [firstOf(failing)]),
  ].join("; ");
  if (data.status === "starting") return finding("daemon-starting", evidence);
  return finding(data.status === "degraded" ? "daemon-degraded" : "daemon-ok", evidence);
}

/** Such as `a; b; c; d; e (5 of 257)`: pods can name any number of registry hosts. */
function firstOf(failing: readonly string[]): string {
  const shown = failing.slice(0, SHOWN).join("; ");
  return failing.length > SHOWN ? `${shown} (${SHOWN} of ${failing.length})` : shown;
}
