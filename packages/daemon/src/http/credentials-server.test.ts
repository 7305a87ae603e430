import { connect, Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { MAX_REQUEST_BYTES } from "@ocir-broker/protocol/contract";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it, onTestFinished, vi } from "vitest";
import { createCredentialsServer } from "./credentials-server.ts";
import { listenOn } from "./listen.ts";

/** Sends a request; returns the received bytes, and each route that a body was passed on to with the body's length. */
async function send(method: string, path: string, body = "") {
  const socketPath = join(temporaryFolder(), "credentials.sock");
  const passedOn: [route: string, bytes: number][] = [];
  let served = 0;
  const decideAs = (route: string) => async (bytes: Buffer) => {
    passedOn.push([route, bytes.length]);
    return { body: Buffer.from("{}"), outcome: "hit" as const };
  };
  const server = createCredentialsServer({
    clock: createSystemClock(),
    decide: decideAs("kubelet"),
    decideForDocker: decideAs("docker"),
    deadlineMs: 1_000,
    onServed: () => {
      served += 1;
    },
  });
  onTestFinished(() => server.stop(0));
  await server.listen((unbound) => listenOn(unbound, { path: socketPath, mode: 0o600 }));
  const socket = connect(socketPath);
  socket.write(`${method} ${path} HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  return { heard: await text(socket), passedOn, served };
}

it.each([
  ["/v1/credentials", "kubelet"],
  ["/v1/docker-credential", "docker"],
])("createCredentialsServer passes on a body of the largest size to %s", async (path, route) => {
  const { heard, ...rest } = await send("POST", path, "x".repeat(MAX_REQUEST_BYTES));
  expect(heard).toMatch(/^HTTP\/1.1 200 OK/);
  expect(rest).toEqual({ passedOn: [[route, MAX_REQUEST_BYTES]], served: 1 });
});

it("createCredentialsServer bears a client's silence for ten seconds longer than a response may take", async () => {
  using limited = vi.spyOn(Socket.prototype, "setTimeout");
  await send("POST", "/v1/credentials");
  expect(limited).toHaveBeenCalledWith(11_000, expect.any(Function));
});

it.each([
  ["POST", "/v1/credentials", "x".repeat(MAX_REQUEST_BYTES + 1), 413, "body-too-large"],
  ["GET", "/v1/credentials", "", 405, "method-not-allowed"],
  ["GET", "/v1/docker-credential", "", 405, "method-not-allowed"],
  ["POST", "/v2/credentials", "x", 404, "not-found"],
  ["POST", "/", "", 404, "not-found"],
])(
  "createCredentialsServer answers %s %s once if it refuses it, and passes nothing on",
  async (method, path, body, status, code) => {
    const { heard, ...rest } = await send(method, path, body);
    expect(heard.match(/HTTP\/1.1 /g)).toHaveLength(1);
    expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*\r\n\r\nocir-broker: ${code}: [ -~]+; [ -~]+\n$`));
    expect(heard.includes("Allow: POST\r\n")).toBe(status === 405);
    expect(rest).toEqual({ passedOn: [], served: 0 });
  },
);
