/**
 * Time, passed in. This file is the only one that may touch the system's clocks and timers.
 *
 * Lives of tokens are counted on `monotonicMs`, which no one can set and which goes on while the machine
 * sleeps; `wallMs` is for signing, comparing with a server's `Date`, and for people.
 */
import { uptime } from "node:os";

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since some fixed point, suspend included; never goes back. */
  monotonicMs(): number;
  /** Epoch milliseconds. May jump in either direction. */
  wallMs(): number;
  /** Calls back once, `delayMs` of `monotonicMs` from now; keeps no process alive. */
  setTimer(callback: () => void, delayMs: number): Timer;
}

/** A timer that sleeps longer is woken this often, so that a suspend is noticed within 4 s of waking. */
const LONGEST_SLEEP_MS = 4_000;

/** The wall clock and Node's monotonic clock may drift this far apart before we ask the kernel about a suspend. */
const JUMP_MS = 500;

/** libuv reads uptime from /proc/uptime (10 ms steps) or CLOCK_BOOTTIME cut to whole seconds. */
const UPTIME_STEP_MS = 1_000;

/** `bootMs` may be behind the truth by this much, never ahead of it. */
export const BOOT_STEP_MS = UPTIME_STEP_MS;

/**
 * Milliseconds since this machine booted, suspend included (CLOCK_BOOTTIME): the same in every process, so a time
 * survives the process that noted it, but not the boot. In steps of up to {@link BOOT_STEP_MS}.
 */
export function bootMs(): number {
  return uptime() * 1_000;
}

/** CLOCK_MONOTONIC in microseconds, as systemd wants it with RELOADING=1: since boot, suspend left out. */
export function kernelMonotonicUs(): bigint {
  return process.hrtime.bigint() / 1_000n;
}

/**
 * Keeps the process alive until it is cancelled, which no timer of a Clock does: for a program that is to wait for its
 * answer even while nothing but such a timer is left. A daemon lives by its sockets instead.
 */
export function holdProcess(): Timer {
  const handle = setInterval(() => {}, LONGEST_SLEEP_MS);
  return { cancel: () => clearInterval(handle) };
}

export function createSystemClock(): Clock {
  let suspendedMs = 0;
  let wallOffsetMs = Date.now() - performance.now();
  const bootOffsetMs = uptime() * 1_000 - performance.now();

  // CLOCK_MONOTONIC, which Node offers, stands still in a suspend; CLOCK_BOOTTIME does not, but costs a
  // system call or three. A suspend always moves the wall clock against the monotonic one, so only a move asks.
  function monotonicMs(): number {
    const runningMs = performance.now();
    const offsetMs = Date.now() - runningMs;
    if (Math.abs(offsetMs - wallOffsetMs) > JUMP_MS) {
      wallOffsetMs = offsetMs;
      const asleepMs = uptime() * 1_000 - runningMs - bootOffsetMs;
      if (asleepMs > suspendedMs + UPTIME_STEP_MS) suspendedMs = asleepMs;
    }
    return runningMs + suspendedMs;
  }

  function setTimer(callback: () => void, delayMs: number): Timer {
    const dueMs = monotonicMs() + delayMs;
    let handle: NodeJS.Timeout;
    const sleep = (): void => {
      const leftMs = dueMs - monotonicMs();
      if (leftMs <= 0) callback();
      else handle = setTimeout(sleep, Math.min(Math.ceil(leftMs), LONGEST_SLEEP_MS)).unref();
    };
    handle = setTimeout(sleep, Math.min(Math.max(delayMs, 0), LONGEST_SLEEP_MS)).unref();
    return { cancel: () => clearTimeout(handle) };
  }

  return { monotonicMs, wallMs: () => Date.now(), setTimer };
}
