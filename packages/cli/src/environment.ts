/** The process's environment; the only file that reads it. */

export type Environment = Readonly<Record<string, string | undefined>>;

export const environment: Environment = process.env;

/** Set when the executable is built. */
export const version: string = process.env["OCIR_BROKER_VERSION"] ?? "0.0.0-source";
