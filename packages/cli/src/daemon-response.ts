/** Sends one request to the daemon's credentials socket and reads the response; the only place where a command uses it. */
import { BrokerError } from "@ocir-broker/credentials/errors/broker-error";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { askSocket } from "@ocir-broker/node/health-socket";
import { CREDENTIALS_ROUTE, MAX_RESPONSE_BYTES, SHIM_CALL_MS } from "@ocir-broker/protocol/contract";

export interface DaemonResponse {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * @returns undefined if no daemon gave a whole response of at most 64 KiB.
 * @throws {BrokerError} `socket-denied` if this user may not connect.
 */
export async function askDaemon(socketPath: string, body: Buffer, clock: Clock): Promise<DaemonResponse | undefined> {
  const headers = { "Content-Type": "application/json", "Content-Length": body.length };
  const limits = { maxBytes: MAX_RESPONSE_BYTES, limitMs: SHIM_CALL_MS };
  const request = { socketPath, path: CREDENTIALS_ROUTE, method: "POST", headers, body, ...limits };
  const response = await askSocket(request, clock);
  if (!("failure" in response)) return response;
  if (response.failure !== "EACCES") return undefined;
  throw new BrokerError("socket-denied", `${socketPath}: this user may not connect`);
}
