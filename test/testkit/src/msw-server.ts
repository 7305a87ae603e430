/**
 * An upstream double: a loopback server with msw handlers, so that the code under test uses its own sockets, pool and limits.
 * Nothing is intercepted. Sends only headers that a handler has set, not even `Date`.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { getResponse, type RequestHandler } from "msw";

/** `HttpResponse.error()` breaks the connection without a response; a request that no handler knows gets 501. */
export async function startMswServer(...initialHandlers: RequestHandler[]) {
  const handlers = [...initialHandlers];
  const requests: string[] = [];

  const server = createServer(async (incoming, outgoing) => {
    requests.push(String(incoming.url));
    outgoing.sendDate = false;
    try {
      const { status, headers, body, type } =
        (await getResponse(handlers, await readRequest(incoming))) ?? new Response("no handler", { status: 501 });
      if (type === "error") throw new Error("no response");
      outgoing.writeHead(status, [...headers].flat()).end(body && (await buffer(body)));
    } catch {
      outgoing.destroy();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    /** `http://127.0.0.1:<port>`; handlers match it with a path that starts with `*`. */
    baseUrl: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    /** Paths and queries of the requests so far, answered or not. */
    requests,
    /** Handlers that precede the existing ones. */
    use: (...more: RequestHandler[]): void => void handlers.unshift(...more),
    /** Aborts requests in flight, so that a hanging handler blocks nothing. */
    async close(): Promise<void> {
      server.close().closeAllConnections();
      await once(server, "close");
    },
  };
}

async function readRequest(incoming: IncomingMessage): Promise<Request> {
  const { method = "", url = "", headersDistinct } = incoming;
  const body = await buffer(incoming);
  const headers = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
  return new Request(new URL(url, `http://${incoming.headers.host}`), {
    method,
    headers,
    ...(body.length > 0 && { body }),
  });
}
