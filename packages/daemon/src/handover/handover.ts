/**
 * The handover: loads the state that an earlier process left in a file on a tmpfs, and saves each change for the next one.
 *
 * An error is logged once and skips the handover; the service continues.
 */
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { Clock, Timer } from "@ocir-broker/foundation/time/clock";
import type { Log } from "../telemetry/log.ts";
import type { OngoingFailure } from "../telemetry/ongoing-failure.ts";
import { type DecodedSnapshot, decodeSnapshot, encodeSnapshot, type Moment, type Snapshot } from "./snapshot.ts";
import { createStateFile, type StateFile } from "./state-file.ts";

export type LoadedSnapshot = Extract<DecodedSnapshot, { readonly state: Snapshot }>;

export type Handover = ReturnType<typeof createHandover>;

export interface HandoverOptions {
  /** OCIR_BROKER_STATE_FILE, from the unit. Without it there is no handover. */
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly bootMs: () => number;
  readonly log: Log;
  /** To write the state. */
  readonly failure: OngoingFailure;
  /** State of another source or identity provider than this one's is ignored. */
  readonly snapshot: () => Snapshot;
}

/** Short, so that an operator who has freed space sees the warning end. */
const RETRY_MS = 5_000;

const NO_HANDOVER: Handover = {
  load: () => undefined,
  save() {},
  scheduleSave() {},
  close() {},
};

export function openHandover(options: HandoverOptions): Handover {
  const { environment, log } = options;
  const path = environment["OCIR_BROKER_STATE_FILE"];
  if (!path) return NO_HANDOVER;
  try {
    return createHandover(createStateFile(path), options);
  } catch (error) {
    log.warn({ code: codeOf(error) }, "handover of the state is not possible");
    return NO_HANDOVER;
  }
}

function createHandover(file: StateFile, options: HandoverOptions) {
  const { clock, log, failure, snapshot } = options;
  let pending: Timer | undefined;
  let isClosed = false;

  /** The state of an earlier process, which is removed. Call once, before the first save. */
  function load(): LoadedSnapshot | undefined {
    try {
      const payload = file.take();
      if (payload === undefined) return undefined;
      const decoded = decodeSnapshot(payload, momentOf(options));
      if ("error" in decoded) return ignore(decoded.error);
      const { source, provider } = snapshot();
      const isOurs = decoded.state.source === source && decoded.state.provider === provider;
      return isOurs ? decoded : ignore("state-of-another-source");
    } catch (error) {
      return ignore(codeOf(error));
    }
  }

  function ignore(code: string): undefined {
    log.warn({ code }, "state of an earlier process ignored");
  }

  function write(): void {
    pending = undefined;
    try {
      file.write(encodeSnapshot(snapshot(), momentOf(options)));
      failure.ended();
    } catch (error) {
      failure.failed(codeOf(error));
      if (!isClosed) pending = clock.setTimer(write, RETRY_MS);
    }
  }

  return {
    load,
    /** Takes and writes the state now. */
    save(): void {
      pending?.cancel();
      write();
    },
    /** Call after a change: takes and writes the state on the next turn of the event loop. */
    scheduleSave(): void {
      if (isClosed || (pending !== undefined && failure.code === undefined)) return;
      pending?.cancel();
      pending = clock.setTimer(write, 0);
    },
    /** Writes a scheduled or failed save, and nothing afterwards. */
    close(): void {
      isClosed = true;
      if (pending === undefined) return;
      pending.cancel();
      write();
    },
  };
}

function momentOf({ clock, bootMs }: HandoverOptions): Moment {
  return { monotonicMs: clock.monotonicMs(), bootMs: bootMs() };
}
