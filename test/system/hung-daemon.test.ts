/** In real time: a daemon that hangs costs the shim's 20 seconds, but no pull fails. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { answerOf, REGISTRY_HOSTS, setStageWithoutDaemon } from "../e2e/stage.ts";

const [HOST] = REGISTRY_HOSTS as [string];
const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n";

const HANGS = {
  "accepts and never answers": () => {},
  "answers headers only": (socket: Socket) => void socket.write(HEAD),
  "answers one byte a second": (socket: Socket) => {
    const bytes = HEAD[Symbol.iterator]();
    const dribble = setInterval(() => socket.write(bytes.next().value ?? "x"), 1_000);
    socket.on("close", () => clearInterval(dribble));
  },
};

describe.concurrent("a daemon that hangs", () => {
  it.each(Object.entries(HANGS))(
    "is given up within 25 s, and each pull has its answer within 45 s, when it %s",
    { timeout: 90_000 },
    async (_what, hang) => {
      const stage = await setStageWithoutDaemon({ simulator: { latencyMs: 300 } });
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on("error", () => {});
        socket.resume();
        hang(socket);
      });
      await once(server.listen(stage.config.credentialsSocket), "listening");
      onTestFinished(() => {
        for (const socket of sockets) socket.destroy();
        server.close();
      });

      const startedAtMs = performance.now();
      let fellBackAtMs = Number.POSITIVE_INFINITY;
      const look = setInterval(() => {
        if (stage.starts().length > 0) fellBackAtMs = Math.min(fellBackAtMs, performance.now());
      }, 50);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) => stage.call(`${HOST}/acme/app-${index}`)),
      );
      clearInterval(look);

      for (const result of results) expect(answerOf(result).auth[HOST]?.password).toMatch(/^ey/);
      expect(fellBackAtMs - startedAtMs).toBeLessThan(25_000);
      expect(Math.max(...results.map(({ elapsedMs }) => elapsedMs))).toBeLessThan(45_000);
      expect(stage.starts()).toHaveLength(1);
      expect(stage.simulator.requests()["registry.token"]).toBe(1);
    },
  );

  it("and Oracle's services that hang too end each call within 45 s, with a line", { timeout: 90_000 }, async () => {
    const stage = await setStageWithoutDaemon({ deadline: "19s" });
    stage.simulator.faults({ endpoint: "registry.token", hang: "before-headers" });
    const server = createServer((socket) => socket.on("error", () => {}).resume());
    await once(server.listen(stage.config.credentialsSocket), "listening");
    onTestFinished(() => void server.close());
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => stage.call(`${HOST}/acme/app-${index}`)),
    );
    for (const { exitCode, stdout, stderr, elapsedMs } of results) {
      expect(exitCode).toBe(1);
      expect(stdout).toHaveLength(0);
      expect(stderr).toMatch(/^ocir-broker: [a-z-]+: [ -~]+; [ -~]+\n$/);
      expect(elapsedMs).toBeLessThan(45_000);
    }
    expect(stage.starts()).toHaveLength(1);
  });
});
