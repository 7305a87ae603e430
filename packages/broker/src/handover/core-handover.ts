/** The handover of one core: what of it is saved at every change, and restored at the start. */
import { bootMs } from "@ocir-broker/foundation";
import type { Config } from "../config/schema.ts";
import type { CredentialCore } from "../core/core.ts";
import { type HandoverOptions, openHandover } from "./handover.ts";
import { restore, snapshotOf } from "./restore.ts";

export interface CoreHandover {
  /** Fills the caches with what an earlier process left. Once, before anything is fetched. */
  restore(): Promise<void>;
  scheduleSave(): void;
  /** Writes what is still to be written. Before the core is closed. */
  close(): void;
}

export interface CoreHandoverOptions extends Pick<HandoverOptions, "environment" | "clock" | "log"> {
  readonly core: Omit<CredentialCore, "close">;
  readonly currentConfig: () => Config;
}

export function createCoreHandover(options: CoreHandoverOptions): CoreHandover {
  const { core, currentConfig, environment, clock, log } = options;
  const handover = openHandover({
    environment,
    clock,
    bootMs,
    log,
    source: core.provider.source ?? "",
    provider: core.provider.name,
    snapshot: () => ({ ...snapshotOf(core), config: currentConfig() }),
  });
  return {
    async restore() {
      const loaded = handover.load();
      if (loaded === undefined) return;
      await restore(loaded, core, log);
      // The configuration may have changed, and a registry host may have been left out.
      handover.scheduleSave();
    },
    scheduleSave: handover.scheduleSave,
    close: handover.close,
  };
}
