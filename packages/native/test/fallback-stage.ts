/**
 * A directory for one test, with the socket's path and programs for the shim to exec. They record each start, and serve on
 * the shim's descriptor as `ocir-broker get` does. For tests only.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FallbackStage extends Disposable {
  readonly directory: string;
  /** A path where no daemon listens. */
  readonly socketPath: string;
  /** Writes an executable and returns its path. */
  program(interpreter: string, script: string): string;
  /** A program that echoes requests, its own first, and ends after this many others; it runs `before` first. */
  server(others?: number, before?: string): string;
  /** Process ids of all started programs, in order. */
  starts(): number[];
}

export function setFallbackStage(): FallbackStage {
  const directory = mkdtempSync(join(tmpdir(), "ocir-broker-fallback-"));
  const startsPath = join(directory, "starts");
  let programs = 0;

  function program(interpreter: string, script: string): string {
    programs += 1;
    const path = join(directory, `program-${programs}`);
    writeFileSync(path, `#!${interpreter}\n${script}\n`, { mode: 0o755 });
    return path;
  }

  return {
    directory,
    socketPath: join(directory, "credentials.sock"),
    program,
    server: (others = 0, before = "") =>
      program(
        process.execPath,
        `const fs = require("node:fs");
        fs.appendFileSync(${JSON.stringify(startsPath)}, process.pid + "\\n");
        ${before}
        let left = ${others};
        const server = require("node:net").createServer((socket) => {
          let request = "";
          socket.on("error", () => {});
          socket.on("data", (piece) => {
            request += piece;
            const [head, body] = request.split("\\r\\n\\r\\n");
            if (body?.length !== Number(/^content-length: (\\d+)$/im.exec(head)?.[1])) return;
            socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: " + body.length + "\\r\\n\\r\\n" + body, () => {
              left -= 1;
              if (left === 0) process.exit();
            });
          });
        });
        server.listen({ fd: 3 });
        process.stdout.write(fs.readFileSync(0), () => {
          if (left === 0) process.exit();
        });`,
      ),
    starts: () => (existsSync(startsPath) ? readFileSync(startsPath, "utf8").trim().split("\n").map(Number) : []),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
