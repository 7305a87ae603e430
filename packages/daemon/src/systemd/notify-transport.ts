/**
 * Two transports to the service manager: a descriptor that the launcher has connected, or the program `systemd-notify`
 * without the launcher. Node itself cannot send a datagram to a Unix socket.
 *
 * Sends each message once; notifier.ts decides when, and whether to repeat it.
 * Why two: docs/decisions/0006-two-ways-to-notify.md.
 */
import { writeSync } from "node:fs";

export interface ServiceMessage {
  readonly ready?: true;
  /** One line for `systemctl status`. */
  readonly status?: string | undefined;
  /** More `NAME=value` fields of sd_notify(3). */
  readonly fields?: readonly string[];
}

/** Sends one message. Rejects if the message could not be sent; the manager never responds. */
export type NotifyTransport = (message: ServiceMessage) => Promise<void>;

/** The program itself waits up to 5 s for the manager to read the message. */
const PROGRAM_LIMIT_MS = 10_000;

/** @returns undefined if the process was not started as a notifying service. */
export function selectTransport(environment: NodeJS.ProcessEnv): NotifyTransport | undefined {
  const descriptor = inheritedFd(environment["OCIR_BROKER_NOTIFY_FD"]);
  if (descriptor !== undefined) return createDescriptorTransport(descriptor);
  return environment["NOTIFY_SOCKET"] ? createProgramTransport(environment) : undefined;
}

/** Undefined if the text is not a number above those of standard input, output and error. */
function inheritedFd(text = ""): number | undefined {
  const descriptor = /^[1-9]\d{0,5}$/.test(text) ? Number(text) : 0;
  return descriptor > 2 ? descriptor : undefined;
}

/** One write is one datagram. It never blocks: the launcher sets O_NONBLOCK, so a full queue is EAGAIN. */
function createDescriptorTransport(descriptor: number): NotifyTransport {
  return async ({ ready, status, fields = [] }) => {
    const lines = [...(ready ? ["READY=1"] : []), ...(status === undefined ? [] : [`STATUS=${status}`]), ...fields];
    writeSync(descriptor, lines.join("\n"));
  };
}

/** Sends READY and STATUS with the package systemd-notify; it supports no other field, so those go through its program. */
function createProgramTransport(environment: NodeJS.ProcessEnv): NotifyTransport {
  return async ({ ready, status, fields = [] }) => {
    if (ready || status !== undefined) {
      const { default: notify } = await import("systemd-notify");
      await notify({ ...(ready ? { ready } : {}), ...(status === undefined ? {} : { status }) });
    }
    if (fields.length > 0) await runProgram(fields, environment);
  };
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
