/** The daemon, by its own health socket: does it run, of which release, and what fails. */
import { parseJson } from "@ocir-broker/foundation";
import * as z from "zod";
import type { Check } from "../examination.ts";
import { type Finding, finding } from "../finding.ts";
import { askHealthSocket } from "../health-socket.ts";

/** As much of /status as is judged here. */
const status = z.object({
  status: z.enum(["ok", "degraded", "starting"]),
  version: z.string(),
  uptimeSeconds: z.number(),
  session: z.object({ lastFailure: z.string().nullable(), failuresInARow: z.number() }).nullable(),
  registries: z.record(z.string(), z.object({ lastFailure: z.string().nullable(), failuresInARow: z.number() })),
});

type Status = z.output<typeof status>;

export const checkDaemon: Check = async ({ settings, files, clock, version }) => {
  const path = settings.healthSocket;
  const answer = await askHealthSocket(files.locate(path), "/status", clock);
  if ("failure" in answer) {
    const isDown = answer.failure === "ENOENT" || answer.failure === "ECONNREFUSED";
    return [finding(isDown ? "daemon-down" : "daemon-stuck", `${path}: ${answer.failure}`)];
  }
  const { data } = status.safeParse(parseJson(answer.body));
  if (data === undefined) return [finding("daemon-version", `${path}: /status is not one that this release knows`)];
  const found = [healthFinding(data)];
  if (data.version === version) return found;
  return [...found, finding("daemon-version", `the daemon is ${data.version}, this program ${version}`)];
};

function healthFinding(data: Status): Finding {
  const failing = [
    ...(data.session === null ? [] : [["session", data.session] as const]),
    ...Object.entries(data.registries),
  ].flatMap(([what, { lastFailure, failuresInARow }]) =>
    failuresInARow > 0 ? [`${what}: ${lastFailure}, ${failuresInARow} times in a row`] : [],
  );
  const evidence = [
    `"${data.status}", up for ${data.uptimeSeconds < 120 ? `${data.uptimeSeconds} s` : `${Math.round(data.uptimeSeconds / 60)} min`}`,
    ...failing,
  ].join("; ");
  if (data.status === "starting") return finding("daemon-starting", evidence);
  return finding(data.status === "degraded" ? "daemon-degraded" : "daemon-ok", evidence);
}
