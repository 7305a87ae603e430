/** Compares two configurations, and reports which differences a running daemon can apply. */
import type { Config } from "./schema.ts";

/** Read by every request or fetch. All other keys are built into sockets, connections and limits at start. */
export const LIVE_KEYS: ReadonlySet<string> = new Set([
  "log.level",
  "registries.endpoints",
  "registries.extraHosts",
  "registries.prefetch",
]);

export interface ConfigChanges {
  /** Keys applied at once, as `section.key`. */
  readonly live: readonly string[];
  readonly atRestart: readonly string[];
}

export function changesBetween(before: Config, after: Config): ConfigChanges {
  const [old, current] = [leavesOf(before), leavesOf(after)];
  const keys = [...new Set([...old.keys(), ...current.keys()])]
    .filter((key) => old.get(key) !== current.get(key))
    .sort();
  const isLive = (key: string) => LIVE_KEYS.has(key);
  return { live: keys.filter(isLive), atRestart: keys.filter((key) => !isLive(key)) };
}

/** The configuration in force after a reload: live keys of the new one, all others of the old one. */
export function reloaded(before: Config, after: Config): Config {
  return { ...before, log: after.log, registries: after.registries };
}

/** `section.key` to the value as text. */
function leavesOf(config: Config): Map<string, string> {
  return new Map(
    Object.entries(config).flatMap(([section, keys]) =>
      Object.entries(keys).map(([key, value]) => [`${section}.${key}`, JSON.stringify(value)] as const),
    ),
  );
}
