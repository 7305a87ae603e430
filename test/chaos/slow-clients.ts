/**
 * Slow clients: each connects, sends its request byte by byte, and reconnects when it is cut off. A third sends headers, a third
 * a body, a third nothing. They are spread evenly over time.
 *
 * usage: node slow-clients.ts SOCKET COUNT; runs until it is killed, and prints a line once all are connected.
 */
import { connect, type Socket } from "node:net";

const TICK_MS = 20;
/** Pause between two bytes of one client. */
const BYTE_EVERY_MS = 1_000;

const BODY_HEAD = "POST /v1/credentials HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n";
const HEADERS = `POST /v1/credentials HTTP/1.1\r\nHost: localhost\r\nX-Slow: ${"x".repeat(1_000)}`;

export interface SlowClients {
  connected(): number;
  /** The maximum of concurrent connections so far. */
  most(): number;
  stop(): void;
}

export function startSlowClients(socketPath: string, count: number): SlowClients {
  const clients = new Array<{ socket: Socket; sent: number } | undefined>(count);
  const slots = BYTE_EVERY_MS / TICK_MS;
  let tick = 0;
  let connected = 0;
  let most = 0;

  function join(index: number): void {
    const socket = connect(socketPath);
    clients[index] = { socket, sent: 0 };
    socket.on("connect", () => {
      connected += 1;
      most = Math.max(most, connected);
      if (index % 3 === 1) socket.write(BODY_HEAD);
      socket.on("close", () => {
        connected -= 1;
      });
    });
    socket.on("error", () => {}).resume();
    socket.on("close", () => {
      clients[index] = undefined;
    });
  }

  const timer = setInterval(() => {
    for (let index = tick % slots; index < count; index += slots) {
      const client = clients[index];
      if (client === undefined) join(index);
      else if (client.socket.writable && index % 3 < 2) {
        client.socket.write(index % 3 === 1 ? "x" : (HEADERS[client.sent] ?? "x"));
        client.sent += 1;
      }
    }
    tick += 1;
  }, TICK_MS);

  return {
    connected: () => connected,
    most: () => most,
    stop() {
      clearInterval(timer);
      for (const client of clients) client?.socket.destroy();
    },
  };
}

if (import.meta.main) {
  const [socketPath, count] = process.argv.slice(2) as [string, string];
  const clients = startSlowClients(socketPath, Number(count));
  const look = setInterval(() => {
    if (clients.connected() < Number(count) * 0.95) return;
    process.stdout.write(`${clients.connected()} connected\n`);
    clearInterval(look);
  }, 50);
}
