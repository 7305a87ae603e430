/**
 * Notifies the service manager (sd_notify): ready, stopping, reloading, the status line and watchdog pings. Does nothing
 * without a manager.
 *
 * A timer of the event loop sends the pings, so if the loop is stuck, the watchdog ends the process. A process that has used up
 * its descriptors sends none either, because it can accept no connection until it is replaced. Never throws: a message that
 * cannot be sent is a missed ping, not an error of the service.
 */
import { codeOf } from "@ocir-broker/errors/describe-error";
import { type Clock, untilNextMs } from "@ocir-broker/foundation/time/clock";
import type { Log } from "../telemetry/log.ts";
import { OngoingFailure } from "../telemetry/ongoing-failure.ts";
import type { NotifyTransport, ServiceMessage } from "./notify-transport.ts";

export interface NotifierOptions {
  readonly transport: NotifyTransport | undefined;
  /** WATCHDOG_USEC and WATCHDOG_PID. */
  readonly environment: NodeJS.ProcessEnv;
  readonly pid: number;
  readonly clock: Clock;
  /** CLOCK_MONOTONIC in microseconds. */
  readonly kernelMonotonicUs: () => bigint;
  readonly statusText: () => string;
  readonly hasFreeDescriptor: () => boolean;
  readonly log: Log;
}

/** Pings within the watchdog's time: one that is late, or that a short lack of descriptors prevents, is not yet fatal. */
const PINGS_WITHIN_WATCHDOG = 3;

/** How often the status line is updated, if no ping is due sooner. */
const STATUS_INTERVAL_MS = 15_000;

/** First update after the start: by then there usually is a token. */
const FIRST_LOOK_MS = 2_000;

/** Delay before an important message is sent again if the manager's queue is full. */
const RETRY_MS = 100;
const QUEUE_FULL: ReadonlySet<string> = new Set(["EAGAIN", "ENOBUFS"]);

type Notifier = ReturnType<typeof createActiveNotifier>;
const NOOP_NOTIFIER: Notifier = { ready() {}, reloading() {}, stopping() {} };

export function createNotifier(options: NotifierOptions): Notifier {
  return options.transport === undefined ? NOOP_NOTIFIER : createActiveNotifier(options.transport, options);
}

function createActiveNotifier(transport: NotifyTransport, options: NotifierOptions) {
  const { clock, kernelMonotonicUs, statusText, hasFreeDescriptor, log } = options;
  const watchdogMs = watchdogMsOf(options);
  const tickMs = Math.min(watchdogMs / PINGS_WITHIN_WATCHDOG, STATUS_INTERVAL_MS);
  const queue: { readonly message: ServiceMessage; readonly mustArrive: boolean }[] = [];
  let isSending = false;
  let isTicking = false;
  let sentStatus: string | undefined;
  const sending = new OngoingFailure(log, "service manager not notified");
  const pinging = new OngoingFailure(log, "watchdog not notified: no descriptor is free");

  function ping(): string[] {
    if (watchdogMs === Infinity) return [];
    if (!hasFreeDescriptor()) {
      pinging.failed("EMFILE");
      return [];
    }
    pinging.ended();
    return ["WATCHDOG=1"];
  }

  function enqueue(message: ServiceMessage, mustArrive: boolean): void {
    queue.push({ message, mustArrive });
    if (!isSending) void send();
  }

  async function send(): Promise<void> {
    isSending = true;
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      try {
        await transport(next.message);
        sending.ended();
      } catch (error) {
        const code = codeOf(error);
        sending.failed(code);
        if (next.mustArrive && QUEUE_FULL.has(code)) {
          clock.setTimer(() => void send(), RETRY_MS);
          return;
        }
      }
      queue.shift();
    }
    isSending = false;
  }

  function tick(): void {
    clock.setTimer(tick, untilNextMs(tickMs, clock.monotonicMs()));
    const text = statusText();
    const status = text === sentStatus ? undefined : text;
    // While older messages wait, a ping is skipped instead of queued.
    if (isSending) return;
    const fields = ping();
    if (status === undefined && fields.length === 0) return;
    sentStatus = text;
    enqueue({ status, fields }, false);
  }

  return {
    /** Reports that the service is ready. Call it at start and after a reload; the first call starts pings and status lines. */
    ready(): void {
      sentStatus = statusText();
      enqueue({ ready: true, status: sentStatus, fields: ping() }, true);
      if (!isTicking) clock.setTimer(tick, Math.min(untilNextMs(tickMs, clock.monotonicMs()), FIRST_LOOK_MS));
      isTicking = true;
    },
    /** A reload starts; `ready` ends it. */
    reloading: () => enqueue({ fields: ["RELOADING=1", `MONOTONIC_USEC=${kernelMonotonicUs()}`] }, true),
    stopping: () => enqueue({ fields: ["STOPPING=1"] }, true),
  };
}

/** How long the manager waits for a ping; infinite if it expects none, or one from another process. */
function watchdogMsOf({ environment, pid }: NotifierOptions): number {
  const { WATCHDOG_USEC: usec = "", WATCHDOG_PID: forPid = String(pid) } = environment;
  return /^[1-9]\d*$/.test(usec) && forPid === String(pid) ? Number(usec) / 1_000 : Infinity;
}
