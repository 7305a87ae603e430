import { once } from "node:events";
import { type AddressInfo, connect, type ListenOptions, type Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Clock, createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type BoundedServer, createBoundedServer, type ServerLimits } from "./bounded-server.ts";
import { textResponse } from "./http-response.ts";

const LIMITS: ServerLimits = { headersMs: 5_000, requestMs: 5_000, silenceMs: 5_000, maxBodyBytes: 256 };
const REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

let path: string;
/** Answers the requests in flight. */
let release: (() => void)[];

beforeEach(() => {
  path = join(temporaryFolder(), "a.sock");
  release = [];
});

/** Answers at once, or `/later` when released. */
async function start(
  limits: Partial<ServerLimits> = {},
  clock: Clock = createSystemClock(),
  where: ListenOptions = { path },
): Promise<BoundedServer & { port: number | undefined }> {
  let address: AddressInfo | string | null = null;
  const server = createBoundedServer({ ...LIMITS, ...limits }, clock, ({ target }, respond) => {
    const answer = (): void => respond(textResponse(200, "hello\n"));
    if (target === "/later") release.push(answer);
    else answer();
  });
  onTestFinished(() => server.stop(0));
  await server.listen(async (unbound) => {
    await once(unbound.listen(where), "listening");
    address = unbound.address();
  });
  return { ...server, port: (address as AddressInfo | null)?.port };
}

async function dial(): Promise<Socket> {
  const socket = connect(path).on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Everything received until the connection ends. */
async function talk(text: string): Promise<string> {
  const socket = await dial();
  socket.write(text);
  return heardOf(socket);
}

async function heardOf(socket: Socket): Promise<string> {
  let heard = "";
  socket.setEncoding("utf8").on("data", (piece) => {
    heard += piece;
  });
  await new Promise((resolve) => socket.once("close", resolve));
  return heard;
}

const untilAsked = () => until("a request is in flight", () => release.length === 1);

describe("createBoundedServer", () => {
  it("answers with a Content-Length and no Date, and closes the connection", async () => {
    await start();
    expect(await talk(REQUEST)).toBe(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n",
    );
  });

  it("answers HEAD without the body, but with its Content-Length", async () => {
    await start();
    expect(await talk("HEAD / HTTP/1.1\r\n\r\n")).toMatch(
      /^HTTP\/1.1 200 OK\r\n[\s\S]*Content-Length: 6\r\n[\s\S]*\r\n\r\n$/,
    );
    expect(await talk("HEAD / HTTP/1.1\r\nX\r\n\r\n")).toMatch(/^HTTP\/1.1 400 [\s\S]*\r\n\r\n$/);
  });

  it("answers a malformed request with one line", async () => {
    await start();
    const [head = "", body = ""] = (await talk("nonsense\r\n\r\n")).split("\r\n\r\n");
    expect(head).toMatch(new RegExp(`^HTTP/1.1 400 .*Content-Length: ${body.length}`, "s"));
    expect(body).toMatch(/^ocir-broker: request-malformed: [ -~]+\n$/);
  });

  it("answers two pipelined requests with one line, and handles neither", async () => {
    await start();
    const heard = await talk(`GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n${REQUEST}`);
    expect(heard.match(/HTTP\/1.1 /g)).toHaveLength(1);
    expect(heard).toContain("ocir-broker: request-malformed: ");
    expect(release).toHaveLength(0);
  });

  it("answers a request once, whatever the client sends later", async () => {
    await start();
    const socket = await dial();
    const heard = heardOf(socket);
    socket.write("GET /later HTTP/1.1\r\n\r\n");
    await untilAsked();
    socket.write(REQUEST.repeat(10_000));
    release[0]?.();
    expect((await heard).match(/HTTP\/1.1 200 /g)).toHaveLength(1);
    expect(release).toHaveLength(1);
  });

  it("lets a client that is still sending its body read why it is refused", async () => {
    await start();
    const body = "x".repeat(4_000_000);
    expect(await talk(`POST / HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`)).toContain(
      "ocir-broker: body-too-large: ",
    );
  });

  it.each([
    ["after its request", REQUEST, /^HTTP\/1.1 200 /],
    ["within its request", "GET / HTTP", /^HTTP\/1.1 400 /],
    ["within its body", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nx", /^HTTP\/1.1 400 /],
    ["without a request", "", /^$/],
  ])("answers a client that half-closes %s, and keeps no connection", async (_title, sent, response) => {
    const running = await start();
    const socket = await dial();
    const heard = heardOf(socket);
    socket.end(sent);
    expect(await heard).toMatch(response);
    await running.stop(60_000);
  });

  it.each([
    ["body", "POST /later HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"],
    ["request", "GET / HT"],
  ])("times out when a client does not finish its %s", async (_what, sent) => {
    await start({ headersMs: 100, requestMs: 200 });
    expect(await talk(sent)).toContain("ocir-broker: request-incomplete: ");
  });

  it("closes an idle connection", async () => {
    await start({ silenceMs: 100 });
    const socket = await dial();
    expect(await heardOf(socket)).toBe("");
  });

  it("accepts at most maxConnections connections, and accepts more when some have ended", async () => {
    await start({ maxConnections: 2 });
    const held = [await dial(), await dial()];
    held[1]?.write("GET /later HTTP/1.1\r\n\r\n");
    await untilAsked();
    expect(await talk(REQUEST)).toBe("");
    for (const socket of held) socket.destroy();
    let heard = "";
    while (heard === "") heard = await talk(`GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(heard).toContain("hello");
  });

  it("closes a connection after its response, even if the client does not", async () => {
    await start({ maxConnections: 1, silenceMs: 60_000 });
    for (let time = 0; time < 3; time += 1) {
      let heard = "";
      while (heard === "") {
        const socket = connect({ path, allowHalfOpen: true });
        socket.on("error", () => undefined).write(REQUEST);
        heard = await text(socket).catch(() => "");
      }
    }
  });
});

describe("createBoundedServer with a limiter", () => {
  it.each([
    ["a request", REQUEST, /^HTTP\/1.1 200 /],
    ["what is not HTTP", "nonsense\r\n\r\n", /^HTTP\/1.1 400 /],
    ["a request that is cut off", "GET / HTTP", /^HTTP\/1.1 400 /],
  ])("answers %s once, when the limiter starts it", async (_title, sent, response) => {
    const clock = createFakeClock();
    const queued: (() => unknown)[] = [];
    await start({ limiter: { add: (work) => queued.push(work) > 0, close() {} } }, clock);
    const socket = await dial();
    const heard = heardOf(socket);
    socket.end(sent);
    await until("it is queued", () => queued.length === 1);
    await clock.advance(LIMITS.headersMs + LIMITS.requestMs);
    expect(queued).toHaveLength(1);
    queued[0]?.();
    expect(await heard).toMatch(response);
  });

  it("limits the rate of refusals, even if requests are not limited", async () => {
    const clock = createFakeClock();
    await start({}, clock);
    const refused = Array.from({ length: 20 }, () => talk("nonsense\r\n\r\n"));
    let answered = 0;
    for (const each of refused) void each.then(() => answered++);
    await until("four are answered", () => answered === 4);
    await clock.advance(0);
    expect([await talk(REQUEST), answered]).toEqual([expect.stringMatching(/^HTTP\/1.1 200 /), 4]);
    while (answered < refused.length) await clock.advance(3);
  });

  it.each([REQUEST, "nonsense\r\n\r\n"])("drops the connection of %j when the limiter is full", async (text) => {
    await start({ limiter: { add: () => false, close() {} } });
    expect(await talk(text)).toBe("");
  });
});

// Sockets from these addresses, each connected before the next, and the numbers of those that are open after one more exchange.
it.each([
  ["the oldest of the address with the most", [2, 3, 3, 4], 3, "", [0, 2]],
  ["the oldest, if all have as many", [2, 3, 4], 2, "", [1]],
  ["the oldest one without a request", [2, 2, 3], 2, "GET /later HTTP/1.1\r\n\r\n", [0]],
  ["the oldest, if all have sent theirs", [2, 3], 1, "GET /later HTTP/1.1\r\n\r\n", []],
])("createBoundedServer with places closes %s for a new one", async (_title, addresses, places, first, open) => {
  const { port = 0 } = await start({ places }, createSystemClock(), { port: 0 });
  const sockets: Socket[] = [];
  for (const address of addresses) {
    const socket = connect({ host: "127.0.0.1", port, localAddress: `127.0.0.${address}` });
    socket.on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    if (sockets.push(socket) > 1 || first === "") continue;
    socket.write(first);
    await untilAsked();
  }
  const newest = sockets.at(-1) as Socket;
  newest.write(REQUEST);
  expect(await heardOf(newest)).toContain("hello");
  expect(sockets.slice(0, -1).flatMap(({ destroyed }, index) => (destroyed ? [] : [index]))).toEqual(open);
});

it("createBoundedServer closes the oldest connection with an unfinished body for a body beyond the sum", async () => {
  await start({ maxBodyBytes: 100, maxBufferedBytes: 250, places: 10 });
  const idle = await dial();
  const unfinished = [];
  for (let count = 0; count < 3; count += 1) {
    const socket = await dial();
    unfinished.push(socket);
    socket.write("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n");
    // Answered after the head above was read, because it arrived later.
    await talk(REQUEST);
  }
  const [first, ...others] = unfinished as [Socket, ...Socket[]];
  await until("it is closed", () => first.destroyed);
  expect([idle, ...others].map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
  expect(await talk(REQUEST)).toContain("hello");
  for (const socket of others) {
    const heard = heardOf(socket);
    socket.write("x".repeat(100));
    expect(await heard).toContain("hello");
  }
});

it("createBoundedServer with places on a socket closes the oldest idle connection for a new one", async () => {
  await start({ places: 2 });
  const idle = [await dial(), await dial()];
  expect(await talk(REQUEST)).toContain("hello");
  await until("the oldest is closed", () => idle[0]?.destroyed === true);
  expect(idle[1]?.destroyed).toBe(false);
});

describe("BoundedServer.stop", () => {
  it("accepts no more connections, and finishes requests in flight", async () => {
    const running = await start();
    const answered = talk("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const idle = dial().then(heardOf);
    await untilAsked();
    const stopped = running.stop(60_000);
    await expect(dial()).rejects.toThrow();
    release[0]?.();
    expect(await answered).toContain("hello");
    expect(await idle).toBe("");
    await stopped;
  });

  it("closes the connections of requests that outlast the grace period", async () => {
    const running = await start();
    const answered = talk("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await untilAsked();
    await running.stop(50);
    expect(await answered).toBe("");
  });

  it("resolves for a server that never listened", async () => {
    const idle = createBoundedServer(LIMITS, createSystemClock(), () => undefined);
    await expect(idle.stop(50)).resolves.toBeUndefined();
  });
});
