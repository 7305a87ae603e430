/**
 * Loads the configuration: reads the file, checks it together with the environment, and reports all errors at once.
 *
 * The file has precedence; the environment fills in keys that the file does not set.
 */
import { existsSync } from "node:fs";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { fileErrorOf } from "@ocir-broker/foundation/file-error";
import { printable } from "@ocir-broker/foundation/printable";
import { readRegularFile } from "@ocir-broker/foundation/regular-file";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import type * as z from "zod";
import { ConfigError } from "./config-error.ts";
import { changeableByAll, changeableByOthers, type FileProblem, isReadableByAll, whyUnusable } from "./file-access.ts";
import { parseLocated } from "./located-yaml.ts";
import { redactPasswords } from "./print.ts";
import { type Config, configKeys, configSchema, environmentSchema } from "./schema.ts";
import { type Defaults, isMapping, withDefaults } from "./with-defaults.ts";

export const DEFAULT_CONFIG_PATH = "/etc/ocir-broker/config.yaml";

/** Made by the unit at each start and reload if only root may read the default file. Readable for the daemon's group. */
export const CONFIG_COPY_PATH = "/run/ocir-broker/config.yaml";

/** A configuration, or one line for each error: `line 3: path: problem (got …)`, without the values of unknown keys. */
export type CheckedConfig = { readonly config: Config } | ConfigErrors;

export interface ConfigErrors {
  readonly errors: readonly string[];
  /** The errors without values and unknown keys: `line 3: proxy.https`. */
  readonly places: readonly string[];
}

export interface LoadedConfig {
  readonly config: Config;
  /** `defaults` if there is no file. */
  readonly inForce: "all" | "defaults";
  /** A password that others can read. */
  readonly warning: FileProblem | undefined;
}

type LineOf = (path: readonly PropertyKey[]) => number;

/** The unit copies no larger file (config-copy.c). */
const LIMIT = { maxBytes: 1024 * 1024 };

const LONGEST_SHOWN = 60;

/** `section.key`; names below are the file's own. */
const SCHEMA_DEPTH = 2;

export interface ConfigSource {
  /** A file that must exist; without it `/etc/ocir-broker/config.yaml`, which may be absent. */
  readonly path?: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  /** The file without `path`, which may be absent. Default: /etc/ocir-broker/config.yaml. */
  readonly defaultPath?: string | undefined;
  /** Replace the schema's defaults, below the file. */
  readonly defaults?: Defaults | undefined;
}

/** @throws {BrokerError} `config-unreadable`, or `config-invalid` with all errors in the message. */
export function loadConfig(source: ConfigSource): LoadedConfig {
  const text = readConfigText(source);
  const checked = checkConfig(text ?? "", source.environment, source.defaults);
  if (!("config" in checked)) throw configInvalid(source, checked, text);
  return { ...checked, inForce: text === undefined ? "defaults" : "all", warning: exposedPassword(source, text) };
}

/** @param text of the file; undefined if there is none. */
function exposedPassword(source: ConfigSource, text: string | undefined): FileProblem | undefined {
  const path = pathOf(source);
  const { value } = parseYaml(text ?? "");
  const proxy = isMapping(value) && isMapping(value["proxy"]) ? String(value["proxy"]["https"]) : "";
  if (redactPasswords(proxy) === proxy || !isReadableByAll(path)) return undefined;
  return { what: "every user can read the password in proxy.https", fix: `chmod 0600 ${path}` };
}

export function pathOf({ path, defaultPath }: ConfigSource): string {
  return path ?? defaultPath ?? DEFAULT_CONFIG_PATH;
}

/** @param text undefined if there is no file, so that all errors are of the environment. */
export function configInvalid(source: ConfigSource, found: ConfigErrors, text: string | undefined): ConfigError {
  const place = text === undefined ? "the environment" : pathOf(source);
  return new ConfigError("config-invalid", `${place} is not valid:\n  ${found.errors.join("\n  ")}`, found.places);
}

export function checkConfig(text: string, environment: NodeJS.ProcessEnv = {}, defaults?: Defaults): CheckedConfig {
  const { value: written, errors: syntaxErrors, lineOf } = parseYaml(text);
  const value = withDefaults(written, defaults);
  if (syntaxErrors.length > 0) return { errors: syntaxErrors, places: ["the file is not YAML"] };
  const file = configSchema.safeParse(value);
  const surroundings = environmentSchema.safeParse(withoutEmpty(environment));
  if (file.success && surroundings.success) return { config: fillIn(file.data, surroundings.data) };
  return {
    errors: [...errorsOf(file.error, value, lineOf), ...errorsOf(surroundings.error, environment)],
    places: [...new Set([...placesOf(file.error, lineOf), ...placesOf(surroundings.error)])],
  };
}

/**
 * For root, the node's file must also be one that the daemon can read, so that all commands agree with the daemon.
 *
 * @returns undefined if there is no file and the source names none.
 * @throws {ConfigError} `config-unreadable`
 */
export function readConfigText(source: ConfigSource): string | undefined {
  const path = pathOf(source);
  const isNodes = path === DEFAULT_CONFIG_PATH;
  let text: string;
  try {
    text = readRegularFile(path, LIMIT).toString();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && source.path === undefined) return undefined;
    const mayHaveCopy = code === "EACCES" && isNodes && source.path === undefined;
    const copy = mayHaveCopy ? resultIfAny(() => readRegularFile(CONFIG_COPY_PATH, LIMIT).toString()) : undefined;
    if (copy !== undefined) return copy;
    // What the daemon has a copy of, it uses; an ordinary user may read neither.
    const isCopied = mayHaveCopy && existsSync(CONFIG_COPY_PATH);
    throw unreadable(isNodes && !isCopied ? whyUnusable(path) : undefined, path, error);
  }
  const problem = problemOf(path);
  if (problem !== undefined) throw unreadable(problem, path);
  return text;
}

/** Why a file that this process has read is not used. */
function problemOf(path: string): FileProblem | undefined {
  const isRoot = process.geteuid?.() === 0;
  // Root has already refused a path that others can change.
  if (path !== DEFAULT_CONFIG_PATH) return isRoot ? undefined : changeableByAll(path);
  return isRoot ? whyUnusable(path) : changeableByOthers(path);
}

function unreadable(problem: FileProblem | undefined, path: string, cause?: unknown): ConfigError {
  if (problem !== undefined) {
    const { what, fix } = problem;
    return new ConfigError("config-unreadable", what, [`${what}; ${fix}`], { fix, cause });
  }
  const { what, next } = fileErrorOf(cause) ?? { what: codeOf(cause), next: "check the path" };
  // A distrusted path is in the words.
  const text = what.startsWith(path) ? what : `${path}: ${what}`;
  return new ConfigError("config-unreadable", text, [`${what}; ${next}`], { fix: next, cause });
}

export function parseYaml(text: string): { value: unknown; errors: string[]; lineOf: LineOf } {
  const { document, lineOf } = parseLocated(text);
  const { errors }: { errors: Error[] } = document;
  try {
    if (errors.length === 0) return { value: document.toJS() ?? {}, errors: [], lineOf };
  } catch (error) {
    // Broken aliases are found only here.
    errors.push(error as Error);
  }
  return { value: {}, errors: errors.map(syntaxError), lineOf };
}

/** Keeps what is wrong and the place. The parser quotes the file, and so perhaps a password, after a colon and in further lines. */
function syntaxError(error: Error): string {
  const [line = ""] = error.message.split(/:?\n/, 1);
  const [place = ""] = / at line \d+, column \d+$/.exec(line) ?? [];
  const [problem = ""] = line.slice(0, line.length - place.length).split(": ", 1);
  return printable(`file: not YAML: ${problem}${place}`);
}

/** Treats an empty variable as unset, since scripts often export it so. */
function withoutEmpty(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
}

function fillIn(config: Config, environment: z.output<typeof environmentSchema>): Config {
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

/** @param lineOf returns 0 if there is no line, as for the environment. */
function errorsOf(error: z.ZodError | undefined, value: unknown, lineOf: LineOf = () => 0): string[] {
  const errors = (error?.issues ?? []).flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      // The value of an unknown key may be a secret.
      return issue.keys.map((key) => unknownKey([...issue.path, key], lineOf));
    }
    // zod reports only that a record's key is invalid, not why.
    const message = issue.code === "invalid_key" ? "must be a registry host in lower case" : issue.message;
    return [errorText(issue.path, message, value, lineOf)];
  });
  return errors.toSorted((one, other) => lineIn(one) - lineIn(other));
}

/** @returns 0 for an error without a line, as those of the environment. */
function lineIn(error: string): number {
  return Number(error.replace(/^line (\d+).*|.*/s, "$1"));
}

/** Names only keys of the schema: unknown keys and the keys of a map may contain anything. */
function placesOf(error: z.ZodError | undefined, lineOf: LineOf = () => 0): string[] {
  return (error?.issues ?? []).flatMap(({ path, ...issue }) => {
    if (issue.code !== "unrecognized_keys") return [locate(path.slice(0, SCHEMA_DEPTH), lineOf(path))];
    const section = path.length === 0 ? "" : ` in ${path.join(".")}`;
    return issue.keys.map((key) => locate([`an unknown key${section}`], lineOf([...path, key])));
  });
}

function unknownKey(path: readonly PropertyKey[], lineOf: LineOf): string {
  const known = configKeys();
  const section = String(path[0]);
  const there =
    path.length > 1
      ? `${section} has ${known[section]?.join(", ")}`
      : `the sections are ${Object.keys(known).join(", ")}`;
  return printable(`${locate(path, lineOf(path))}: unknown key; ${there}`);
}

function errorText(path: readonly PropertyKey[], problem: string, value: unknown, lineOf: LineOf): string {
  const got = path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)[key], value);
  return printable(`${locate(path, lineOf(path))}: ${problem} (got ${shownOf(got)})`);
}

function locate(path: readonly PropertyKey[], line: number): string {
  return `${line === 0 ? "" : `line ${line}: `}${path.map(String).join(".") || "file"}`;
}

/** Shows no content of a list or mapping, whose keys are unknown too. */
function shownOf(got: unknown): string {
  if (Array.isArray(got)) return "a list";
  if (typeof got === "object" && got !== null) return "a mapping";
  const text = redactPasswords(String(JSON.stringify(got)));
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
