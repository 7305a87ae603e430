/**
 * Requests to the API server from a program inside the node, because a program for each request would take longer than the API server.
 * The program runs with `NODE_REQUESTS`.
 */
import { ADMIN_TOKEN, API_SERVER, CLUSTER_CA } from "./kubernetes-api.ts";

const CONCURRENCY = 16;

/** The environment of the program. */
export const NODE_REQUESTS = { NODE_EXTRA_CA_CERTS: CLUSTER_CA };

/** As the administrator. Rejects with the response of another status than 2xx. */
export async function send(
  method: "PATCH" | "POST",
  path: string,
  body: object,
  contentType = "application/json",
): Promise<void> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": contentType };
  const response = await fetch(new URL(path, API_SERVER), { method, headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status}: ${text}`);
}

/** Does `work` for 0 to `count` - 1, many at a time, until `isOver`. @returns how many are done */
export async function forEach(
  count: number,
  work: (index: number) => Promise<void>,
  isOver = () => false,
): Promise<number> {
  let next = 0;
  const workOn = async () => {
    while (next < count && !isOver()) await work(next++);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, workOn));
  return next;
}
