/**
 * A real registry behind the simulated one, which stores pushed images. The simulator decides who may push and pull, so this
 * registry must not authenticate.
 */

import type { ReceivedRequest } from "../http/received-request.ts";
import type { HttpResponse } from "../http/response.ts";

const ASKED = ["accept", "content-range", "content-type", "range"];

/** Headers of the connection, or recomputed for the client. */
const NOT_IN_RESPONSE = ["connection", "date", "keep-alive", "transfer-encoding"];

export async function forwardTo(
  storage: URL,
  { method, target, headers, body }: ReceivedRequest,
): Promise<HttpResponse> {
  const response = await fetch(new URL(target, storage), {
    method,
    headers: Object.entries(headers).filter(([name]) => ASKED.includes(name)),
    redirect: "manual",
    ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
  });
  return {
    status: response.status,
    headers: Object.fromEntries([...response.headers].filter(([name]) => !NOT_IN_RESPONSE.includes(name))),
    body: Buffer.from(await response.arrayBuffer()),
  };
}
