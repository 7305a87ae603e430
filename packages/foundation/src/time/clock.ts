/**
 * Time, passed in. Only this file may use the system's clocks and timers.
 *
 * Lifetimes are counted on `monotonicMs`, which cannot be set and continues while the machine sleeps; `wallMs` is for signatures,
 * for comparison with a server's `Date`, and for people.
 */
import { uptime } from "node:os";

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since a fixed point, suspend included; never decreases. */
  monotonicMs(): number;
  /** Epoch milliseconds. May jump in either direction. */
  wallMs(): number;
  /** Calls back once, `delayMs` of `monotonicMs` from now; does not keep the process alive. */
  setTimer(callback: () => void, delayMs: number): Timer;
}

/** Longer timers are checked together, at the multiples of this: a suspend is noticed within 5 s after it, and an idle process sleeps. */
const CHECK_MS = 5_000;

/** The wall clock and Node's monotonic clock may drift this far apart before the kernel is queried about a suspend. */
const JUMP_MS = 500;

/**
 * `bootMs` may lag by this much, and is never ahead: libuv reads the uptime from /proc/uptime (10 ms steps) or
 * CLOCK_BOOTTIME, truncated to seconds.
 */
export const BOOT_STEP_MS = 1_000;

/**
 * Milliseconds since this machine booted, suspend included (CLOCK_BOOTTIME), in steps of up to {@link BOOT_STEP_MS}. It is the same
 * in every process until the next boot.
 */
export function bootMs(): number {
  return uptime() * 1_000;
}

/** CLOCK_MONOTONIC in microseconds, which systemd needs with RELOADING=1: since boot, without suspends. */
export function kernelMonotonicUs(): bigint {
  return process.hrtime.bigint() / 1_000n;
}

/** Epoch milliseconds of this machine's boot, by the wall clock as it is set now. */
export function bootedAtMs(): number {
  const runningMs = Number(kernelMonotonicUs()) / 1_000;
  const asleepMs = bootMs() - runningMs;
  return Date.now() - runningMs - (asleepMs > BOOT_STEP_MS ? asleepMs : 0);
}

/**
 * Keeps the process alive until it is disposed of, as no timer of a Clock does: for a command that waits for a response. A daemon's
 * sockets keep it alive.
 */
export function holdProcess(): Disposable {
  return setInterval(() => {}, CHECK_MS);
}

/** Time until the next multiple of `intervalMs`: periodic work that waits for it shares the wake-ups of an idle process. */
export function untilNextMs(intervalMs: number, nowMs: number): number {
  return intervalMs - (nowMs % intervalMs);
}

export function createSystemClock(): Clock {
  let suspendedMs = 0;
  let wallOffsetMs = Date.now() - performance.now();
  const bootOffsetMs = bootMs() - performance.now();

  // CLOCK_MONOTONIC, which Node uses, stops during a suspend; CLOCK_BOOTTIME does not, but costs up to three system calls. A
  // suspend always moves the wall clock against the monotonic one, so it is read only after such a move.
  function monotonicMs(): number {
    const runningMs = performance.now();
    const offsetMs = Date.now() - runningMs;
    if (Math.abs(offsetMs - wallOffsetMs) > JUMP_MS) {
      wallOffsetMs = offsetMs;
      const asleepMs = bootMs() - runningMs - bootOffsetMs;
      if (asleepMs > suspendedMs + BOOT_STEP_MS) suspendedMs = asleepMs;
    }
    return runningMs + suspendedMs;
  }

  function setTimer(callback: () => void, delayMs: number): Timer {
    const dueMs = monotonicMs() + delayMs;
    let handle: NodeJS.Timeout;
    function sleep(): void {
      const nowMs = monotonicMs();
      const waitMs = Math.min(Math.max(dueMs - nowMs, 0), untilNextMs(CHECK_MS, nowMs));
      handle = setTimeout(wake, Math.ceil(waitMs)).unref();
    }
    function wake(): void {
      if (monotonicMs() >= dueMs) callback();
      else sleep();
    }
    sleep();
    return { cancel: () => clearTimeout(handle) };
  }

  return { monotonicMs, wallMs: () => Date.now(), setTimer };
}
