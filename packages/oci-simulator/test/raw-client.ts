/** For tests: an HTTP client that sends bytes unchanged, with one connection for each request, and reports how it ended. */
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

export interface RawRequest {
  readonly method?: string;
  readonly target: string;
  /** A list is sent as several headers; an undefined value is omitted. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body?: string | undefined;
  /** PEM of the server's authority, for HTTPS. */
  readonly ca?: string;
}

export interface RawResponse {
  /** 0 without a status line. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly json: any;
  /** `end`: closed gracefully. */
  readonly ending: "end" | "reset";
}

export function send(origin: URL, request: RawRequest): Promise<RawResponse> {
  const { method = "GET", target, body = "", ca } = request;
  const lines = [`${method} ${target} HTTP/1.1`];
  const headers = { host: origin.host, connection: "close", ...request.headers };
  for (const [name, value] of Object.entries(headers)) {
    for (const one of [value ?? []].flat()) lines.push(`${name}: ${one}`);
  }
  const { promise, resolve } = Promise.withResolvers<RawResponse>();
  const pieces: Buffer[] = [];
  const finish = (ending: RawResponse["ending"]) => {
    resolve(parse(Buffer.concat(pieces), ending));
    socket.destroy();
  };
  const address = { host: origin.hostname, port: Number(origin.port) };
  const socket = ca === undefined ? connect(address) : connectTls({ ...address, ca });
  socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
  socket.on("data", (piece: Buffer) => void pieces.push(piece));
  socket.on("end", () => finish("end"));
  socket.on("error", () => finish("reset"));
  return promise;
}

function parse(bytes: Buffer, ending: RawResponse["ending"]): RawResponse {
  const headEnd = bytes.indexOf("\r\n\r\n");
  const head = bytes.subarray(0, Math.max(headEnd, 0)).toString("latin1").split("\r\n");
  const body = bytes.subarray(headEnd === -1 ? bytes.length : headEnd + 4);
  const text = body.toString();
  const headers = head.slice(1).map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {}
  return {
    status: Number(head[0]?.split(" ")[1] ?? 0),
    headers: Object.fromEntries(headers),
    body,
    text,
    json,
    ending,
  };
}
