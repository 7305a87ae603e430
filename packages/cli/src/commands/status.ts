/** `ocir-broker status`: shows what the daemon reports on its health socket. It holds no secret. */
import { existsSync } from "node:fs";
import { DIAGNOSES } from "@ocir-broker/doctor/diagnoses";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { readRegularFile } from "@ocir-broker/foundation/regular-file";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { type Clock, createSystemClock, holdProcess } from "@ocir-broker/foundation/time/clock";
import { askHealthSocket } from "@ocir-broker/node/health-socket";
import { DISABLED_FILE, HEALTH_GROUP, HEALTH_SOCKET } from "@ocir-broker/protocol/contract";
import type { HealthDetails } from "@ocir-broker/protocol/health";
import { type Command, Option } from "commander";
import { configInForce, withUnitSockets } from "../config/config-in-force.ts";
import { CONFIG_OPTION, type ConfigOptions, sourceOf, USER_OPTION } from "../config/config-source.ts";
import { commandError } from "../error-codes.ts";
import { UsageError } from "../failure.ts";
import { environment, version } from "../process/environment.ts";
import { renderStatus, STATES } from "../status-table.ts";

interface CommandOptions extends ConfigOptions {
  readonly output: "table" | "json";
}

const FAILURES: Readonly<Record<string, string>> = {
  ENOENT: "the socket does not exist",
  ECONNREFUSED: "no process listens on this socket, so the daemon does not run",
};

/** Of an archive or a package. */
const UNITS = ["/etc/systemd/system/ocir-broker.service", "/usr/lib/systemd/system/ocir-broker.service"];

const NEXT = `
  state of the units:    systemctl status ocir-broker.service ocir-broker.socket ocir-broker-health.socket
  the daemon's log:      journalctl -u ocir-broker.service -n 50
  check of a whole pull: ocir-broker doctor
  to restart the daemon: `;

const NEXT_OF_USER = `
  the daemon's log:      journalctl --user -u ocir-broker.service -n 50
  to restart the daemon: systemctl --user enable --now ocir-broker.socket; systemctl --user restart ocir-broker.service`;

export function addStatusCommand(program: Command): void {
  program
    .command("status")
    .description("show the daemon's session, and the token of every registry host: ages, renewals, failures")
    .option(...CONFIG_OPTION)
    .option(...USER_OPTION)
    .addOption(new Option("--output <form>", "a table, or all fields").choices(["table", "json"]).default("table"))
    .addHelpText(
      "after",
      `\nSTATE:\n${Object.entries(STATES)
        .map(([state, text]) => `  ${state.padEnd(12)} ${text}`)
        .join("\n")}`,
    )
    .action(async (options: CommandOptions) => {
      using _hold = holdProcess();
      process.stdout.write(await read(socketOf(options), options, createSystemClock()));
    });
}

function socketOf(options: CommandOptions): string {
  const config = configInForce(sourceOf(options));
  if (options.user && !environment["XDG_RUNTIME_DIR"] && config.sockets.health === HEALTH_SOCKET)
    throw new UsageError("usage-invalid: --user needs the variable XDG_RUNTIME_DIR, which is not set");
  return (options.user ? config : withUnitSockets(config)).sockets.health;
}

async function read(socket: string, { output, user }: CommandOptions, clock: Clock): Promise<string> {
  const response = await askHealthSocket(socket, "/status", clock);
  if ("failure" in response) {
    const since = disabledSince();
    if (since !== undefined)
      return render({ status: "disabled", version, disabledSince: since }, output, () => disabledText(since));
    const code = codeFor(response.failure, socket);
    // For programs, which read standard output.
    if (output !== "table") process.stdout.write(render({ status: code, version }, output, () => ""));
    if (code === "socket-denied") {
      throw new Error(`${code}: ${socket}: permission denied: run as root, or join the group ${HEALTH_GROUP}`);
    }
    if (code === "not-installed") throw new Error(`${code}: ${DIAGNOSES[code].means}; ${DIAGNOSES[code].fix}`);
    const failure = FAILURES[response.failure] ?? "the daemon does not respond";
    throw new Error(
      `${code}: ${socket}: ${failure} (${response.failure})${user ? NEXT_OF_USER : `${NEXT}${DIAGNOSES[code].fix}`}`,
    );
  }
  const status = parse(response.body.toString());
  if (response.status !== 200 || status === undefined) throw commandError("status-invalid", { place: socket });
  // No token has been tried yet, so the daemon is not degraded.
  const isSessionFailing = status.status === "starting" && (status.session?.failuresInARow ?? 0) > 0;
  // Otherwise it stays open: a table that cannot be written is a failure.
  if (status.status === "degraded" || isSessionFailing) process.exitCode = 1;
  return render(status, output, () => renderStatus(status));
}

function codeFor(failure: string, socket: string) {
  if (failure === "EACCES") return "socket-denied";
  if (!(failure in FAILURES)) return "daemon-stuck";
  return socket === HEALTH_SOCKET && !UNITS.some((path) => existsSync(path)) ? "not-installed" : "daemon-down";
}

function render(fields: object, output: CommandOptions["output"], table: () => string): string {
  return output === "json" ? `${JSON.stringify(fields, undefined, 2)}\n` : table();
}

/** The time in the file of `ocir-broker disable`; undefined if the node is not switched off. */
function disabledSince(): string | undefined {
  return resultIfAny(() => readRegularFile(DISABLED_FILE).toString().trim());
}

function disabledText(since: string): string {
  return `switched off since ${since}: the kubelet's plugin returns no credentials\nto switch it on: ocir-broker enable\n`;
}

function parse(text: string): HealthDetails | undefined {
  const value = parseJson(text);
  return typeof value === "object" && value !== null && "registries" in value ? (value as HealthDetails) : undefined;
}
