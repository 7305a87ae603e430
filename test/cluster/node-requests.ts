/** Requests to the API server from a program inside the node, because a program for each request would take longer than the API server. */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";

const CONCURRENCY = 16;

export interface NodeRequests {
  /** Rejects with the response of another status than 2xx. */
  send(method: "PATCH" | "POST", path: string, body: object, contentType?: string): Promise<void>;
  close(): void;
}

export function createRequests(apiServer: string, caFile: string, token: string): NodeRequests {
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY, ca: readFileSync(caFile) });
  return {
    send(method, path, body, contentType = "application/json") {
      const headers = { authorization: `Bearer ${token}`, "content-type": contentType };
      return new Promise((resolve, reject) => {
        const sent = request(new URL(path, apiServer), { method, agent, headers }, (response) => {
          const pieces: Buffer[] = [];
          response.on("data", (piece: Buffer) => pieces.push(piece));
          const isRight = Math.trunc((response.statusCode ?? 0) / 100) === 2;
          const text = () => `${path}: ${response.statusCode}: ${Buffer.concat(pieces)}`;
          response.once("end", () => (isRight ? resolve() : reject(new Error(text()))));
        });
        sent.once("error", reject).end(JSON.stringify(body));
      });
    },
    close: () => agent.destroy(),
  };
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
