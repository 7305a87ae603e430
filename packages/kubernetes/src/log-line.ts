/** The log of a program in a pod, in the daemon's format: JSON with level, time, facts and message. */

/** @param level `warn`: something fails. Default: `info`. */
export type Say = (text: string, level?: "info" | "warn") => void;

export function logLine(level: "info" | "warn" | "fatal", wallMs: number, message: string, facts: object = {}): string {
  return `${JSON.stringify({ level, time: new Date(wallMs).toISOString(), ...facts, msg: message })}\n`;
}
