/**
 * A hostile process: attacks one of the daemon's sockets, or the controller's port (a port of loopback from 16 addresses), until it is
 * killed, and connects again whenever it is cut off. For tests and the benchmark. Prints a line once it is connected, and if its
 * clients are slow once 95 % of them are.
 *
 * usage: node hostile-clients.ts SOCKET|PORT|HOST:PORT ATTACK
 */
import { connect, type Socket } from "node:net";
import { setImmediate, setTimeout } from "node:timers/promises";

interface HostileClient {
  readonly first: string;
  /** Sent without end after `first`; without it, the client closes the connection and connects again. */
  readonly endless?: string;
  /** After each connection, and each character of `endless`, which is then sent singly. Default: none. */
  readonly pauseMs?: number;
  /** Sends no more, and closes the connection after this time. */
  readonly holdMs?: number;
  /** Does not read. */
  readonly isDeaf?: boolean;
}

const MAX_BODY_BYTES = 256 * 1_024;
/** Writes a turn of the event loop, so that bytes arrive one by one and all clients take part. */
const WRITES_A_TURN = 64;

const GET = "GET /livez HTTP/1.1\r\n\r\n";
const METRICS = "GET /metrics HTTP/1.1\r\nHost:x\r\n\r\n";
const HEALTHZ = "GET /healthz HTTP/1.1\r\n\r\n";
const POST = "POST /v1/credentials HTTP/1.1\r\n";
const CHUNKED = "Transfer-Encoding: chunked\r\n\r\n";

const pipelining: HostileClient = { first: GET, endless: GET.repeat(2_500) };
const chunks: HostileClient = { first: `GET /livez HTTP/1.1\r\n${CHUNKED}`, endless: "1\r\na\r\n".repeat(10_000) };

/** Of a head, of a body, and of nothing. */
const SLOW: readonly HostileClient[] = [
  { first: "", endless: `${POST}X-Slow: ${"x".repeat(1_000)}`, pauseMs: 1_000 },
  { first: `${POST}Content-Length: 1000\r\n\r\n`, endless: "x", pauseMs: 1_000 },
  { first: "", holdMs: 3_600_000, pauseMs: 1_000 },
];

/** Also those of a pod on the controller's port. */
const ON_PORT = {
  "bursts of 64 KiB": six({ first: METRICS.repeat(1_985), holdMs: 20, isDeaf: true }),
  "pipelined metrics": six({ first: METRICS, endless: METRICS.repeat(1_985) }),
  "pipelined metrics, not read": six({ first: METRICS, endless: METRICS.repeat(1_985), isDeaf: true }),
  "pipelined probes": six({ first: HEALTHZ, endless: HEALTHZ.repeat(1_985) }),
  "open and drop": Array.from({ length: 200 }, () => ({ first: "" })),
  "slow heads": Array.from({ length: 600 }, () => ({ first: "GET /healthz HTTP/1.1\r\nX: ", holdMs: 10_000 })),
} as const satisfies Record<string, readonly HostileClient[]>;

export const ATTACKS = {
  ...ON_PORT,
  "all on the health socket": [...six(pipelining), ...six(chunks), chunks, chunks, ...six({ first: GET })],
  "chunks on the credentials socket": six({ first: `${POST}${CHUNKED}`, endless: chunks.endless ?? "" }),
  "bodies byte by byte": six({ first: `${POST}Content-Length: ${MAX_BODY_BYTES}\r\n\r\n`, endless: "a" }),
  "a thousand slow clients": Array.from({ length: 1_000 }, (_, index) => SLOW[index % 3] as HostileClient),
} as const satisfies Record<string, readonly HostileClient[]>;

export type Attack = keyof typeof ATTACKS;

export const ATTACKS_ON_PORT = Object.keys(ON_PORT) as readonly (keyof typeof ON_PORT)[];

function six(client: HostileClient): readonly HostileClient[] {
  return Array.from({ length: 6 }, () => client);
}

async function attackForever(target: string, client: HostileClient, index: number, count: number): Promise<never> {
  const address = addressOf(target, `127.0.0.${2 + (index % 16)}`);
  // Spreads slow clients evenly over time.
  if (client.pauseMs !== undefined) await setTimeout(index % client.pauseMs);
  for (;;) {
    const socket = connect(address).on("error", () => undefined);
    if (!client.isDeaf) socket.resume();
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    await Promise.race([closed, new Promise((resolve) => socket.once("connect", resolve))]);
    if (socket.writable) {
      connections += 1;
      socket.once("close", () => {
        connections -= 1;
      });
      if (client.pauseMs === undefined || connections >= 0.95 * count) announce();
    }
    socket.write(client.first);
    if (client.endless === undefined) {
      if (client.holdMs !== undefined) await Promise.race([closed, setTimeout(client.holdMs)]);
      socket.destroy();
    } else await sendWithoutEnd(socket, client.endless, closed, client.pauseMs);
    await closed;
    if (client.pauseMs !== undefined) await setTimeout(client.pauseMs);
  }
}

function addressOf(target: string, localAddress: string) {
  if (target.startsWith("/")) return { path: target };
  const [port, host] = target.split(":").reverse();
  return host === undefined ? { host: "127.0.0.1", port: Number(port), localAddress } : { host, port: Number(port) };
}

async function sendWithoutEnd(socket: Socket, text: string, closed: Promise<void>, pauseMs?: number): Promise<void> {
  const bytes = Buffer.from(text);
  for (let sent = 0; pauseMs !== undefined && socket.writable; sent += 1) {
    socket.write(text.charAt(sent % text.length));
    await Promise.race([closed, setTimeout(pauseMs)]);
  }
  while (socket.writable) {
    for (let count = 0; count < WRITES_A_TURN && socket.writable && !socket.writableNeedDrain; count += 1)
      socket.write(bytes);
    if (socket.writableNeedDrain) await Promise.race([closed, new Promise((resolve) => socket.once("drain", resolve))]);
    await setImmediate();
  }
  socket.destroy();
}

/** Those that are open. */
let connections = 0;
let isAnnounced = false;

function announce(): void {
  if (!isAnnounced) process.stdout.write("connected\n");
  isAnnounced = true;
}

if (import.meta.main) {
  const [target, attack] = process.argv.slice(2) as [string, Attack];
  const clients: readonly HostileClient[] = ATTACKS[attack];
  await Promise.all(clients.map((client, index) => attackForever(target, client, index, clients.length)));
}
