/**
 * A server on a Unix socket that answers with a test's bytes, or breaks the connection. Parses only enough HTTP to find the
 * end of a request. For tests only.
 */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";

export interface RawServerOptions {
  /** A complete request has arrived, over connection 1 if that was the first. */
  readonly onRequest?: (request: { body: Buffer; connection: number; socket: Socket }) => void;
  /** A client has connected, and nothing has been read yet. */
  readonly onConnection?: (socket: Socket, connection: number) => void;
}

export async function startRawServer(options: RawServerOptions) {
  const path = join(temporaryFolder(), "credentials.sock");
  /** The bytes received over each connection, in the order of connecting. */
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    const connection = received.push(Buffer.alloc(0));
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("end", () => socket.end());
    options.onConnection?.(socket, connection);
    if (socket.destroyed) return;
    socket.on("data", (piece) => {
      const bytes = Buffer.concat([received[connection - 1] ?? Buffer.alloc(0), piece as Buffer]);
      received[connection - 1] = bytes;
      const body = bodyOf(bytes);
      if (body !== undefined) options.onRequest?.({ body, connection, socket });
    });
    socket.resume();
  });
  await once(server.listen(path), "listening");

  return {
    path,
    /** The bytes received over each connection, in the order of connecting. */
    received,
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A server that answers each request in this way. */
export function startAnswering(status: string, body: string | Buffer) {
  return startRawServer({ onRequest: ({ socket }) => socket.end(httpResponse(status, body)) });
}

/** Undefined until the request is complete. */
function bodyOf(bytes: Buffer): Buffer | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const stated = Number(/^content-length: (\d+)$/im.exec(bytes.subarray(0, end).toString())?.[1]);
  const body = bytes.subarray(end + 4);
  return body.length === stated ? body : undefined;
}

export function httpResponse(status: string, body: string | Buffer): Buffer {
  const head = `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}
