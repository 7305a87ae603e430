/**
 * An upstream double: a loopback server with msw handlers, so that the code under test uses its own sockets, pool and limits.
 * Nothing is intercepted. Sends only headers that a handler has set, not even `Date`.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { getResponse, type RequestHandler } from "msw";

interface MswServer {
  /** `http://127.0.0.1:<port>`; handlers match it with a path that starts with `*`. */
  readonly baseUrl: URL;
  /** Paths and queries of the requests so far, answered or not. */
  readonly requests: string[];
  /** Handlers that precede the existing ones. */
  use(...handlers: RequestHandler[]): void;
  /** Aborts requests in flight, so that a hanging handler blocks nothing. */
  close(): Promise<void>;
}

/**
 * `HttpResponse.error()` breaks the connection without a response; a body stream that errors breaks it in the
 * middle; a request that no handler knows gets 501.
 */
export async function startMswServer(...initialHandlers: RequestHandler[]): Promise<MswServer> {
  const handlers = [...initialHandlers];
  const requests: string[] = [];

  const server = createServer(async (incoming, outgoing) => {
    requests.push(String(incoming.url));
    try {
      await sendResponse(await getResponse(handlers, await readRequest(incoming)), outgoing);
    } catch {
      outgoing.destroy();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  async function close(): Promise<void> {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }

  return {
    baseUrl: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    requests,
    use: (...more) => void handlers.unshift(...more),
    close,
  };
}

async function readRequest(incoming: IncomingMessage): Promise<Request> {
  const { method = "", url = "", headers, rawHeaders } = incoming;
  const body = await buffer(incoming);
  return new Request(new URL(url, `http://${headers.host}`), {
    method,
    // Node's parsed headers lack the second one of those that must occur once, and a handler would not see it.
    headers: pairs(rawHeaders),
    ...(body.length > 0 && { body }),
  });
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, String(flat[at + 1])]] : []));
}

async function sendResponse(response: Response | undefined, outgoing: ServerResponse): Promise<void> {
  outgoing.sendDate = false;
  if (response === undefined) {
    outgoing.writeHead(501).end("no handler for this request\n");
    return;
  }
  if (response.type === "error") {
    outgoing.destroy();
    return;
  }
  outgoing.writeHead(response.status, [...response.headers].flat());
  outgoing.flushHeaders();
  // Sends each piece before it requests the next, so that a failing stream truncates the response at that point.
  const write = promisify<Uint8Array, void>(outgoing.write.bind(outgoing));
  for await (const piece of response.body ?? []) await write(piece);
  outgoing.end();
}
