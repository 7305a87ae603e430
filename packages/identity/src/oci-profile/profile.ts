/**
 * A profile of `~/.oci/config` as Oracle's command line sees it: `[DEFAULT]` is inherited, and the OCI_CLI_* variables have
 * precedence over the file. Reads the file at each call, because a person may edit it. Reads no key file.
 *
 * Sources: oci-python-sdk src/oci/config.py, oci-cli src/oci_cli/cli_constants.py.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { IdentityError } from "../identity-error.ts";
import { readBoundedFile } from "./private-file.ts";

/** A section of the broker's configuration. Its schema has checked it. */
export interface ProfileSettings {
  readonly configFile?: string | undefined;
  readonly profile?: string | undefined;
}

export interface Profile {
  /** For errors: the file, the profile and the key. Never a value. */
  placeOf(key: string): string;
  /** Undefined if neither the environment nor the file has it. */
  find(key: string): string | undefined;
  /** @throws {IdentityError} `oci-config-incomplete`, `oci-config-missing` */
  get(key: string): string;
  /** The same, with `~` replaced. */
  path(key: string): string;
}

/** The variables of each key in order of precedence; the last one of `region` is the SDKs'. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  user: ["OCI_CLI_USER"],
  fingerprint: ["OCI_CLI_FINGERPRINT"],
  tenancy: ["OCI_CLI_TENANCY"],
  region: ["OCI_CLI_REGION", "OCI_REGION"],
  key_file: ["OCI_CLI_KEY_FILE"],
  key_content: ["OCI_CLI_KEY_CONTENT"],
  pass_phrase: ["OCI_CLI_PASSPHRASE"],
  security_token_file: ["OCI_CLI_SECURITY_TOKEN_FILE"],
};

/** Keys that count only as variables: Oracle's readers refuse them in the file. */
const ONLY_IN_ENVIRONMENT = new Set(["key_content"]);

/** @throws {IdentityError} `oci-config-*`, `oci-profile-missing` */
export async function readProfile(settings: ProfileSettings, environment: NodeJS.ProcessEnv): Promise<Profile> {
  const set = (name: string): string | undefined => environment[name] || undefined;
  const named = settings.configFile ?? set("OCI_CLI_CONFIG_FILE") ?? set("OCI_CONFIG_FILE");
  const file = expandHome(named ?? "~/.oci/config", environment);
  const profile = settings.profile ?? set("OCI_CLI_PROFILE");
  const values = await readValues(file, profile);
  if (values === undefined && (named ?? profile) !== undefined)
    throw new IdentityError("oci-config-missing", printable(file));

  function find(key: string): string | undefined {
    const fromEnvironment = VARIABLES[key]?.map(set).find((value) => value !== undefined);
    return fromEnvironment ?? (ONLY_IN_ENVIRONMENT.has(key) ? undefined : values?.[key] || undefined);
  }
  function placeOf(key: string): string {
    const variable = VARIABLES[key]?.find((name) => set(name) !== undefined);
    return printable(variable ?? `${file} [${profile ?? DEFAULT_PROFILE}] ${key}`);
  }
  function get(key: string): string {
    const value = find(key);
    if (value !== undefined) return value;
    if (values !== undefined) throw new IdentityError("oci-config-incomplete", placeOf(key));
    throw new IdentityError("oci-config-missing", `${printable(file)}, and ${VARIABLES[key]?.[0]} is not set`);
  }
  return { placeOf, find, get, path: (key) => expandHome(get(key), environment) };
}

const DEFAULT_PROFILE = "DEFAULT";

/** The shim passes on a line of 512 bytes. */
const LONGEST_PLACE = 200;

/** @returns undefined if the file does not exist: the environment may have everything. */
async function readValues(
  file: string,
  profile: string | undefined,
): Promise<Readonly<Record<string, string>> | undefined> {
  let text: string;
  try {
    text = readBoundedFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new IdentityError("oci-config-unreadable", printable(file), { cause: error });
  }
  const { parseProfiles } = await import("../oci-sdk/oci-sdk.ts");
  const profiles = parseProfiles(text);
  if (profiles === undefined) throw new IdentityError("oci-config-invalid", printable(file));
  const { [DEFAULT_PROFILE]: inherited = {}, [profile ?? DEFAULT_PROFILE]: own } = profiles;
  if (own === undefined) throw new IdentityError("oci-profile-missing", printable(`${file} [${profile}]`));
  return { ...inherited, ...own };
}

/** Replaces `~`, as a shell does. */
function expandHome(path: string, environment: NodeJS.ProcessEnv): string {
  return path === "~" || path.startsWith("~/") ? join(environment["HOME"] || homedir(), path.slice(1)) : path;
}

/** A path may contain anything, but an error is one printable line of limited length. */
function printable(text: string): string {
  const line = text.replace(/[^\x20-\x7e]+/g, "?");
  return line.length > LONGEST_PLACE ? `...${line.slice(-LONGEST_PLACE)}` : line;
}
