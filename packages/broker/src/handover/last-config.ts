/** Reads the configuration that an earlier process had in force from the handover's file. Never writes to it. */
import type { Clock } from "@ocir-broker/foundation";
import { type Config, configSchema } from "../config/schema.ts";
import { decodeSnapshot } from "./snapshot.ts";
import { createStateFile } from "./state-file.ts";

export interface LastConfigOptions {
  /** OCIR_BROKER_STATE_FILE, from the unit. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly bootMs: () => number;
}

/** Undefined if there is no usable state. Never throws: the broker reads the same state later and logs its faults. */
export function lastConfig({ environment, clock, bootMs }: LastConfigOptions): Config | undefined {
  const path = environment["OCIR_BROKER_STATE_FILE"];
  if (!path) return undefined;
  try {
    const found = createStateFile(path).read();
    if (found === undefined || "fault" in found) return undefined;
    const now = { monotonicMs: clock.monotonicMs(), bootMs: bootMs(), wallMs: clock.wallMs() };
    const decoded = decodeSnapshot(found.payload, now);
    found.payload.fill(0);
    return "state" in decoded ? configSchema.safeParse(decoded.state.config).data : undefined;
  } catch {
    return undefined;
  }
}
