/**
 * A configuration for a process that must run and has nobody to tell: what is valid of the file and the environment,
 * the defaults for the rest, and what is wrong. Why: docs/decisions/0013-a-faulty-configuration.md.
 */
import * as z from "zod";
import type { BrokerError } from "../broker-error.ts";
import {
  type ConfigSource,
  checkConfig,
  configInvalid,
  fillIn,
  parseYaml,
  readConfigText,
  withoutEmpty,
} from "./load.ts";
import { type Config, configSchema, environmentSchema } from "./schema.ts";

const narrowedTrust = z.object({ upstream: z.object({ caFile: z.unknown().refine((value) => value !== undefined) }) });

const NO_CERTIFICATES = "/dev/null";

/**
 * What of the file is in force: `all` (or all the defaults, if there is no file), its `valid-part`, or nothing of a file
 * that cannot be read or parsed: then the configuration `before`, or the `defaults`.
 */
type ConfigInForce = "all" | "valid-part" | "before" | "defaults";

export interface UsableConfig {
  readonly config: Config;
  readonly inForce: ConfigInForce;
  /** Undefined where all of it is valid. */
  readonly fault: BrokerError | undefined;
}

/**
 * Throws for nothing that the file may hold or lack.
 *
 * @param before the configuration that an earlier process had in force; called only if nothing of the file can be used
 */
export function loadUsableConfig(source: ConfigSource, before?: () => Config | undefined): UsableConfig {
  const { text, fault: unreadable } = textOf(source);
  const checked = checkConfig(text, source.environment);
  if ("config" in checked && unreadable === undefined) return { ...checked, inForce: "all", fault: undefined };
  const fault = unreadable ?? configInvalid(source, "faults" in checked ? checked.faults : []);
  const { value, faults: syntaxFaults } = parseYaml(text);
  const isUseless = unreadable !== undefined || syntaxFaults.length > 0;
  const known = isUseless ? before?.() : undefined;
  if (known !== undefined) return { config: known, inForce: "before", fault };
  // Half of a file that cannot be parsed may mean anything.
  const whole = isUseless ? {} : value;
  const file = withNarrowTrust(whole, validPart(configSchema, whole));
  const config = fillIn(file, validPart(environmentSchema, withoutEmpty(source.environment)));
  return { config, inForce: isUseless ? "defaults" : "valid-part", fault };
}

/** The default of `upstream.caFile` trusts more than any file, so a bad value trusts nothing instead. */
function withNarrowTrust(whole: unknown, config: Config): Config {
  const { data } = narrowedTrust.safeParse(whole);
  if (data === undefined || config.upstream.caFile !== undefined) return config;
  return { ...config, upstream: { ...config.upstream, caFile: NO_CERTIFICATES } };
}

function textOf(source: ConfigSource): { text: string; fault: BrokerError | undefined } {
  try {
    return { text: readConfigText(source), fault: undefined };
  } catch (error) {
    return { text: "", fault: error as BrokerError };
  }
}

/** Without what its issues name: each round removes something, and where nothing is left all is valid. */
function validPart<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  let rest = value;
  for (;;) {
    const { success, data, error } = schema.safeParse(rest);
    if (success) return data;
    // The later elements of a list first, so that the places of the others stay as they are.
    for (const path of error.issues.flatMap(pathsAtFault).toReversed()) rest = without(rest, path);
  }
}

function pathsAtFault(issue: z.core.$ZodIssue): PropertyKey[][] {
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
}

function without(value: unknown, [key, ...inner]: readonly PropertyKey[]): unknown {
  if (key === undefined) return {};
  if (Array.isArray(value)) return value.toSpliced(Number(key), 1);
  const { [key]: child, ...others } = value as Record<PropertyKey, unknown>;
  return inner.length === 0 ? others : { ...others, [key]: without(child, inner) };
}
