/** The process's environment; the only file that reads it. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** As it was at the start. */
export const environment: Environment = { ...process.env };

/** oci-common asks for a home directory while it is loaded, and a systemd DynamicUser may have none. Nothing below it is read. */
process.env["HOME"] ??= "/";

/** A child process, which gets the environment as it is now, does not see these. */
export function keepFromChildren(names: readonly string[]): void {
  for (const name of names) delete process.env[name];
}

/** Set when the executable is built. */
export const version: string = process.env["OCIR_BROKER_VERSION"] ?? "0.0.0-source";
