/**
 * Loads a configuration for a process that must run in any case: the valid part of file and environment, defaults for the
 * rest, and the error. Why: docs/decisions/0013-an-invalid-configuration.md.
 */
import type { ConfigInForce } from "@ocir-broker/protocol/health";
import type * as z from "zod";
import type { ConfigError } from "./config-error.ts";
import type { FileProblem } from "./file-access.ts";
import {
  type ConfigSource,
  checkConfig,
  configInvalid,
  exposedPassword,
  fillIn,
  parseYaml,
  readConfigText,
  withoutEmpty,
} from "./load.ts";
import { type Config, configSchema, environmentSchema } from "./schema.ts";
import { isMapping, withDefaults } from "./with-defaults.ts";

const NO_IDENTITY = { provider: "none" } as const satisfies Config["identity"];

const NO_CERTIFICATES = "/dev/null";

export interface LenientConfig {
  readonly config: Config;
  readonly inForce: ConfigInForce;
  /** Whether `config` has no identity only because the file, which may name one, is invalid or is not used. */
  readonly isIdentityLost: boolean;
  /** Undefined if the whole file is valid. */
  readonly configError: ConfigError | undefined;
  /** A password in the file that others can read. */
  readonly warning?: FileProblem | undefined;
}

/**
 * Never throws because of the file.
 *
 * @param before returns the configuration that an earlier process had in force; called only if the file is unusable.
 */
export function loadLenientConfig(source: ConfigSource, before?: () => Config | undefined): LenientConfig {
  let text: string | undefined;
  try {
    text = readConfigText(source);
  } catch (error) {
    return withoutFile(source, error as ConfigError, before);
  }
  const checked = checkConfig(text ?? "", source.environment, source.defaults);
  const inForce = text === undefined ? "defaults" : "all";
  const warning = exposedPassword(source, text);
  if ("config" in checked) return { ...checked, inForce, isIdentityLost: false, configError: undefined, warning };
  const configError = configInvalid(source, checked, text);
  const { value: written, errors: syntaxErrors } = parseYaml(text ?? "");
  const value = withDefaults(written, source.defaults);
  // A file that cannot be parsed may mean anything.
  if (syntaxErrors.length > 0) return withoutFile(source, configError, before, text);
  const file = withNarrowTrust(value, validPart(configSchema, value));
  // The default of `identity.provider` is an identity, so an invalid value means none: never another one than the file's.
  const isIdentityLost = !configSchema.shape.identity.safeParse(valueAt("identity", value)).success;
  const chosen = isIdentityLost ? { ...file, identity: NO_IDENTITY } : file;
  return { config: withEnvironment(chosen, source), inForce: "valid-part", isIdentityLost, configError, warning };
}

function withoutFile(
  source: ConfigSource,
  configError: ConfigError,
  before?: () => Config | undefined,
  text = "",
): LenientConfig {
  const known = before?.();
  if (known !== undefined) return { config: known, inForce: "before", isIdentityLost: false, configError };
  const withoutComments = text.replaceAll(/^[ \t]*#.*$/gm, "");
  // What others can change may have named an identity before.
  const isIdentityLost = configError.isChangeable || mayNameIdentity(withoutComments);
  // Trust that the file narrows must not become wider, and another identity than the file's must not be used.
  const defaults = configSchema.parse({
    ...source.defaults,
    ...(/\bcaFile\b/.test(withoutComments) ? { upstream: { caFile: NO_CERTIFICATES } } : {}),
    ...(isIdentityLost ? { identity: NO_IDENTITY } : {}),
  });
  return { config: withEnvironment(defaults, source), inForce: "defaults", isIdentityLost, configError };
}

/** In any spelling, or hidden by an escape, an anchor, an alias or a merge key. */
function mayNameIdentity(text: string): boolean {
  return /identity|\\|(?:^|[\s[{,])[&*]\S|<</im.test(text);
}

function withEnvironment(file: Config, { environment }: ConfigSource): Config {
  return fillIn(file, validPart(environmentSchema, withoutEmpty(environment)));
}

/** The default of `upstream.caFile` trusts more than any file, so an invalid value trusts nothing. */
function withNarrowTrust(whole: unknown, config: Config): Config {
  const written = valueAt("caFile", valueAt("upstream", whole));
  if (written === undefined || config.upstream.caFile !== undefined) return config;
  return { ...config, upstream: { ...config.upstream, caFile: NO_CERTIFICATES } };
}

function valueAt(key: string, value: unknown): unknown {
  return isMapping(value) ? value[key] : undefined;
}

/** Removes whatever the issues name until the rest is valid; each round removes something, so this ends. */
function validPart<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  let rest = value;
  for (;;) {
    const { success, data, error } = schema.safeParse(rest);
    if (success) return data;
    // Starts with a list's later elements, so that the positions of the others do not change.
    for (const path of error.issues.flatMap(pathsInError).toReversed()) rest = without(rest, path);
  }
}

function pathsInError(issue: z.core.$ZodIssue): PropertyKey[][] {
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
}

function without(value: unknown, [key, ...inner]: readonly PropertyKey[]): unknown {
  if (key === undefined) return {};
  if (Array.isArray(value)) return value.toSpliced(Number(key), 1);
  const { [key]: child, ...others } = value as Record<PropertyKey, unknown>;
  return inner.length === 0 ? others : { ...others, [key]: without(child, inner) };
}
