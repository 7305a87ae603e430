/**
 * From text to configuration: reads the file, checks it and the environment, and reports every fault at once.
 *
 * What the file says holds; the environment fills in what the file leaves open.
 */
import { readFileSync } from "node:fs";
import { fileFaultOf } from "@ocir-broker/foundation";
import type * as z from "zod";
import { BrokerError } from "../broker-error.ts";
import { parseLocated } from "./fault-line.ts";
import { withoutPasswords } from "./password.ts";
import { type Config, configKeys, configSchema, environmentSchema } from "./schema.ts";
import { similarKey } from "./similar-key.ts";

export const DEFAULT_CONFIG_PATH = "/etc/ocir-broker/config.yaml";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Either a configuration, or what is wrong: one line a fault, `line 3: path: problem (got …)`. No value of an unknown key is in it. */
export type CheckedConfig = { readonly config: Config } | { readonly faults: readonly string[] };

type LineOf = (path: readonly PropertyKey[]) => number;

const LONGEST_SHOWN = 60;

export interface ConfigSource {
  /** A file that must exist; without it `/etc/ocir-broker/config.yaml`, which may be absent. */
  readonly path?: string | undefined;
  readonly environment: Environment;
}

/** @throws {BrokerError} `config-unreadable`, or `config-invalid` with all faults in the message. */
export function loadConfig(source: ConfigSource): Config {
  const checked = checkConfig(readConfigText(source), source.environment);
  if ("config" in checked) return checked.config;
  throw configInvalid(source, checked.faults);
}

export function configInvalid({ path = DEFAULT_CONFIG_PATH }: ConfigSource, faults: readonly string[]): BrokerError {
  return new BrokerError("config-invalid", `${path} is not valid:\n  ${faults.join("\n  ")}`);
}

/** Checks the text of a configuration file together with the environment. */
export function checkConfig(text: string, environment: Environment = {}): CheckedConfig {
  const { value, faults: syntaxFaults, lineOf } = parseYaml(text);
  if (syntaxFaults.length > 0) return { faults: syntaxFaults };
  const file = configSchema.safeParse(value);
  const surroundings = environmentSchema.safeParse(withoutEmpty(environment));
  if (file.success && surroundings.success) return { config: fillIn(file.data, surroundings.data) };
  return { faults: [...faultsOf(file.error, value, lineOf), ...faultsOf(surroundings.error, environment)] };
}

/** @throws {BrokerError} `config-unreadable` */
export function readConfigText(source: ConfigSource): string {
  const { path = DEFAULT_CONFIG_PATH } = source;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && source.path === undefined) return "";
    throw new BrokerError("config-unreadable", `${path}: ${fileFaultOf(error)?.what ?? code}`, { cause: error });
  }
}

export function parseYaml(text: string): { value: unknown; faults: string[]; lineOf: LineOf } {
  const { document, lineOf } = parseLocated(text);
  try {
    const value: unknown = document.toJS();
    return { value: value ?? {}, faults: document.errors.map((error) => syntaxFault(error)), lineOf };
  } catch (error) {
    // Broken aliases show only now.
    return { value: {}, faults: [...document.errors, error as Error].map((each) => syntaxFault(each)), lineOf };
  }
}

/** The parser's first line names the place; the lines after it quote the file. */
function syntaxFault(error: Error): string {
  return printable(`file: ${error.message.replace(/:?\n.*$/s, "")}`);
}

/** An unset variable is often exported as an empty one. */
export function withoutEmpty(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
}

export function fillIn(config: Config, environment: z.output<typeof environmentSchema>): Config {
  return {
    ...config,
    metadata: { baseUrl: config.metadata.baseUrl ?? environment.OCI_METADATA_BASE_URL },
    auth: { endpoint: config.auth.endpoint ?? environment.OCI_SDK_AUTH_CLIENT_REGION_URL },
    proxy: {
      https: config.proxy.https ?? environment.HTTPS_PROXY ?? environment.https_proxy,
      noProxy: config.proxy.noProxy ?? environment.NO_PROXY ?? environment.no_proxy,
    },
  };
}

/** @param lineOf 0 for what has no line, as in the environment. */
function faultsOf(error: z.ZodError | undefined, value: unknown, lineOf: LineOf = () => 0): string[] {
  return (error?.issues ?? []).flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      // What its value is for nobody knows: it may be a secret.
      return issue.keys.map((key) => unknownKey([...issue.path, key], lineOf));
    }
    // A bad key of a record: what matters is said by the issue inside.
    const message = issue.code === "invalid_key" ? "must be a registry host in lower case" : issue.message;
    return [fault(issue.path, message, value, lineOf)];
  });
}

function unknownKey(path: readonly PropertyKey[], lineOf: LineOf): string {
  const similar = similarKey(path.map(String), configKeys());
  return printable(`${placeOf(path, lineOf)}: unknown key${similar === undefined ? "" : `, did you mean ${similar}?`}`);
}

function fault(path: readonly PropertyKey[], problem: string, value: unknown, lineOf: LineOf): string {
  const got = path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)[key], value);
  return printable(`${placeOf(path, lineOf)}: ${problem} (got ${shownOf(got)})`);
}

function placeOf(path: readonly PropertyKey[], lineOf: LineOf): string {
  const line = lineOf(path);
  return `${line === 0 ? "" : `line ${line}: `}${path.map(String).join(".") || "file"}`;
}

/** Keys below a value that should have none are unknown ones too. */
function shownOf(got: unknown): string {
  if (Array.isArray(got)) return "a list";
  if (typeof got === "object" && got !== null) return "a mapping";
  const text = withoutPasswords(String(JSON.stringify(got)));
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** A key or a value may hold what ends a line or writes on a terminal: it is shown by its number. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (letter) => `\\u{${letter.codePointAt(0)?.toString(16)}}`);
}
