/**
 * Slow clients: each connects, sends its request byte by byte, and reconnects when it is cut off. A third sends headers, a third
 * a body, a third nothing. They are spread evenly over time.
 *
 * usage: node slow-clients-process.ts SOCKET COUNT; runs until it is killed, and prints a line once all are connected.
 */
import { connect, type Socket } from "node:net";

const TICK_MS = 20;
/** Pause between two bytes of one client. */
const BYTE_EVERY_MS = 1_000;
const SLOTS = BYTE_EVERY_MS / TICK_MS;

const BODY_HEAD = "POST /v1/credentials HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n";
const HEADERS = `POST /v1/credentials HTTP/1.1\r\nHost: localhost\r\nX-Slow: ${"x".repeat(1_000)}`;

const [socketPath = "", count = ""] = process.argv.slice(2);
const clients = new Array<{ socket: Socket; sent: number } | undefined>(Number(count));
let tick = 0;
let connected = 0;

function join(index: number): void {
  const socket = connect(socketPath);
  clients[index] = { socket, sent: 0 };
  socket.on("connect", () => {
    connected += 1;
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

setInterval(() => {
  for (let index = tick % SLOTS; index < clients.length; index += SLOTS) {
    const client = clients[index];
    if (client === undefined) join(index);
    else if (client.socket.writable && index % 3 < 2) {
      client.socket.write(index % 3 === 1 ? "x" : (HEADERS[client.sent] ?? "x"));
      client.sent += 1;
    }
  }
  tick += 1;
}, TICK_MS);

const look = setInterval(() => {
  if (connected < clients.length * 0.95) return;
  process.stdout.write(`${connected} connected\n`);
  clearInterval(look);
}, 50);
