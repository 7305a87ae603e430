/**
 * A real registry behind the simulated one, which stores pushed images. The simulator decides who may push and pull, so this
 * registry must not authenticate.
 */
import type { Answer } from "../http/answer.ts";
import type { ReceivedRequest } from "../http/received-request.ts";

const ASKED = ["accept", "content-range", "content-type", "range"];

/** Headers of the connection, or recomputed for the client. */
const NOT_ANSWERED = ["connection", "date", "keep-alive", "transfer-encoding"];

export async function forwardTo(storage: URL, { method, target, headers, body }: ReceivedRequest): Promise<Answer> {
  const response = await fetch(new URL(target, storage), {
    method,
    headers: Object.entries(headers).filter(([name]) => ASKED.includes(name)),
    redirect: "manual",
    ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
  });
  return {
    status: response.status,
    headers: Object.fromEntries([...response.headers].filter(([name]) => !NOT_ANSWERED.includes(name))),
    body: Buffer.from(await response.arrayBuffer()),
  };
}
