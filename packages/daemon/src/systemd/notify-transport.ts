/**
 * Two transports to the service manager: a descriptor that the launcher has connected, or the program `systemd-notify`
 * without the launcher. Node itself cannot send a datagram to a Unix socket.
 *
 * Sends each message once; notifier.ts decides when, and whether to repeat it.
 * Why two: docs/decisions/0006-two-ways-to-notify.md.
 */
import { writeSync } from "node:fs";

export interface NotifyTransport {
  /** @param fields `NAME=value` of sd_notify(3). Rejects if they could not be sent; the manager never responds. */
  send(fields: readonly string[]): Promise<void>;
}

/** The program itself waits up to 5 s for the manager to read the message. */
const PROGRAM_LIMIT_MS = 10_000;

/** @returns undefined if the process was not started as a notifying service. */
export function selectTransport(
  environment: Readonly<Record<string, string | undefined>>,
): NotifyTransport | undefined {
  const descriptor = inheritedFd(environment["OCIR_BROKER_NOTIFY_FD"]);
  // One write is one datagram. It never blocks: the launcher sets O_NONBLOCK, so a full queue is EAGAIN.
  if (descriptor !== undefined) return { send: async (fields) => void writeSync(descriptor, fields.join("\n")) };
  return environment["NOTIFY_SOCKET"] ? { send: (fields) => runProgram(fields, environment) } : undefined;
}

/** Undefined if the text is not a number above those of standard input, output and error. */
function inheritedFd(text = ""): number | undefined {
  const descriptor = /^[1-9]\d{0,5}$/.test(text) ? Number(text) : 0;
  return descriptor > 2 ? descriptor : undefined;
}

async function runProgram(fields: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const { execFile } = await import("node:child_process");
  const { promisify } = await import("node:util");
  const { NOTIFY_SOCKET, PATH } = environment;
  await promisify(execFile)("systemd-notify", [...fields], {
    env: { NOTIFY_SOCKET, PATH },
    timeout: PROGRAM_LIMIT_MS,
  });
}
