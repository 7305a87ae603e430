/** A line of the log of a program in a pod, in the daemon's format: JSON with level, time, facts and message. */
export function logLine(level: "info" | "fatal", wallMs: number, message: string, facts: object = {}): string {
  return `${JSON.stringify({ level, time: new Date(wallMs).toISOString(), ...facts, msg: message })}\n`;
}
