import { get } from "node:http";

const ASK_LIMIT_MS = 2_000;

/** A page of the health socket. Undefined without an answer in time. */
export function ask(socketPath: string, path: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const request = get({ socketPath, path, agent: false, timeout: ASK_LIMIT_MS }, (answer) => {
    let text = "";
    answer.on("data", (piece: Buffer) => {
      text += piece.toString();
    });
    answer.on("close", () => resolve(answer.complete ? text : undefined));
  });
  request.on("timeout", () => request.destroy());
  request.on("error", () => resolve(undefined));
  return promise;
}
