/** Reads the configuration that an earlier process had in force from the handover's memfd. Never writes to it. */
import type { Clock } from "@ocir-broker/foundation";
import { type Config, configSchema } from "../config/schema.ts";
import { inheritedFd } from "../systemd/inherited-fd.ts";
import { createMemfdStore } from "./memfd-store.ts";
import { decodeSnapshot } from "./snapshot.ts";

export interface LastConfigOptions {
  /** OCIR_BROKER_STATE_FD, from the launcher. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly bootMs: () => number;
}

/** Undefined if there is no usable state. Never throws: the broker reads the same state later and logs its faults. */
export function lastConfig({ environment, clock, bootMs }: LastConfigOptions): Config | undefined {
  const descriptor = inheritedFd(environment["OCIR_BROKER_STATE_FD"]);
  if (descriptor === undefined) return undefined;
  try {
    const found = createMemfdStore(descriptor).read();
    if (found.kind !== "whole") return undefined;
    const now = { monotonicMs: clock.monotonicMs(), bootMs: bootMs(), wallMs: clock.wallMs() };
    const decoded = decodeSnapshot(found.payload, now);
    found.payload.fill(0);
    return "state" in decoded ? configSchema.safeParse(decoded.state.config).data : undefined;
  } catch {
    return undefined;
  }
}
