/** The process's environment; no other file reads it. */

/** A copy made at the start. */
export const environment: NodeJS.ProcessEnv = { ...process.env };

/** oci-common requires a home directory while it loads, and a systemd DynamicUser may have none. Nothing below it is read. */
process.env["HOME"] ??= "/";

/** Hides these variables from child processes, which inherit the environment as it is now. */
export function keepFromChildren(names: readonly string[]): void {
  for (const name of names) delete process.env[name];
}

/** Set by the build of the executable. */
export const version: string = process.env["OCIR_BROKER_VERSION"] ?? "0.0.0-source";
