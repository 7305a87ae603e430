/** For tests: an HTTP client that sends exactly the given headers, with one connection for each request. */
import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { text } from "node:stream/consumers";
import { parseJson } from "@ocir-broker/foundation/parse-json";

export interface RawRequest {
  readonly method?: string;
  readonly target: string;
  /** A list is sent as several headers; an undefined value is omitted. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
  readonly body?: string | undefined;
  /** PEM of the server's authority, for HTTPS. */
  readonly ca?: string;
}

export type RawResponse = Awaited<ReturnType<typeof send>>;

/** Rejects if the connection ends before the response does. */
export async function send(origin: URL, { method = "GET", target, body, ca, ...given }: RawRequest) {
  const headers = Object.entries({ host: origin.host, connection: "close", ...given.headers });
  const request = (ca === undefined ? http : https).request({
    ...{ hostname: origin.hostname, port: origin.port, method, path: target, agent: false },
    ...(ca !== undefined && { ca }),
    headers: headers.flatMap(([name, value = []]) => [value].flat().flatMap((each) => [name, each])),
  });
  // Also after the response.
  request.on("error", () => {}).end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const content = await text(response);
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  const json = parseJson(content) as any;
  return { status: response.statusCode ?? 0, headers: response.headers, text: content, json };
}
