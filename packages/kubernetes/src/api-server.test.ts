import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { listen } from "@ocir-broker/foundation/test/listening-server";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { expect, it, onTestFinished } from "vitest";
import { describeRefusal } from "./api-error.ts";
import { type ApiServer, createApiServer, decode, podAccess } from "./api-server.ts";

it.each([
  [{ KUBERNETES_SERVICE_HOST: "10.96.0.1" }, "https://10.96.0.1/"],
  [{ KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "6443" }, "https://10.96.0.1:6443/"],
  [{ KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" }, "https://[fd00::1]:6443/"],
])("podAccess reads %j, and the token again each time, because the kubelet replaces it", (environment, url) => {
  const root = temporaryFolder();
  const folder = join(root, "var/run/secrets/kubernetes.io/serviceaccount");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "ca.crt"), "PEM");
  writeFileSync(join(folder, "token"), "first\n");
  const access = podAccess(environment, root);
  expect([access.url.href, access.caCertificate, access.token()]).toEqual([url, "PEM", "first"]);
  writeFileSync(join(folder, "token"), "second\n");
  expect(access.token()).toBe("second");
});

it("podAccess fails outside a cluster", () => {
  expect(() => podAccess({}, temporaryFolder())).toThrow(TypeError);
});

async function startApi(listener: RequestListener): Promise<ApiServer> {
  const { port } = await listen(createServer(listener));
  const url = new URL(`http://127.0.0.1:${port}`);
  let tokens = 0;
  // The kubelet replaces it within the hour.
  const api = createApiServer({ url, caCertificate: "", token: () => `token-${++tokens}` });
  onTestFinished(() => api.close());
  return api;
}

const endless = () => new AbortController().signal;

it("send and watch use the token that the kubelet has written last", async () => {
  const seen: unknown[] = [];
  const api = await startApi(({ headers }, response) => {
    seen.push(headers.authorization);
    response.end("{}\n");
  });
  await api.send({ method: "GET", path: "/things", signal: endless() });
  for await (const _event of api.watch("/things", 600_000, endless()));
  expect(seen).toEqual(["Bearer token-1", "Bearer token-2"]);
});

it("watch waits in silence for as long as its caller says, and not as long as send", { timeout: 25_000 }, async () => {
  const api = await startApi((_request, response) => response.write("{}\n"));
  const watch = api.watch("/things", 100, endless())[Symbol.asyncIterator]();
  expect(await watch.next()).toEqual({ done: false, value: Buffer.from("{}") });
  await expect(watch.next()).rejects.toThrow("the API server does not respond: Body Timeout Error");
});

it.each([
  ["its caller leaves it", "{}"],
  ["a line is not JSON", "{"],
])("watch closes the connection if %s", async (_when, text) => {
  let isClosed = false;
  const api = await startApi((_request, response) => {
    response.write(`${text}\n`);
    response.on("close", () => {
      isClosed = true;
    });
  });
  const readOne = async () => {
    for await (const line of api.watch("/things", 600_000, endless())) {
      decode(line.toString());
      break;
    }
  };
  await readOne().catch((error: Error) => expect(error).toBeInstanceOf(SyntaxError));
  await until("the connection is closed", () => isClosed);
});

it("watch yields an empty line for one that is larger than any object of ours", async () => {
  const api = await startApi((_request, response) => response.end(`"${"x".repeat(256 * 1024)}"\n1\n{"a":\n2}`));
  const lines: string[] = [];
  for await (const line of api.watch("/things", 600_000, endless())) lines.push(line.toString());
  expect(lines).toEqual(["", "1", '{"a":']);
});

it.each([
  ["without a response", "", "the API server does not respond: other side closed"],
  ["without reading a large response to its end", " ".repeat(101), "the API server's response has more than 100 bytes"],
  ["without quoting a response that is not JSON", '{"token": eyJhbGciOi}', "the API server's response is not JSON"],
])("send fails %s", async (_how, body, message) => {
  const api = await startApi((_request, response) => {
    if (body === "") response.destroy();
    else response.end(body);
  });
  const error = await api
    .send({ method: "GET", path: "/things", maxBytes: 100, signal: endless() })
    .catch((reason) => reason);
  expect(describeRefusal(error)).toBe(message);
});
