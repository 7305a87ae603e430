import { expect, test } from "vitest";
import { startRawServer } from "../../test/raw-socket-server.ts";
import { callShim, describeShim, failure } from "../../test/shim-call.ts";

const KIB = 1024;

describeShim("http_response_read refuses", (build) => {
  const ok = "HTTP/1.1 200 OK\r\n";
  const tooLarge = "shim-response-too-large";
  test.each<[what: string, response: string, code?: string]>([
    ["no Content-Length", `${ok}\r\nhello`],
    ["a negative length", `${ok}Content-Length: -5\r\n\r\nhello`],
    ["a signed length", `${ok}Content-Length: +5\r\n\r\nhello`],
    ["an empty length", `${ok}Content-Length: \r\n\r\nhello`],
    ["a list of lengths", `${ok}Content-Length: 5, 5\r\n\r\nhello`],
    ["a length given twice", `${ok}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
    ["chunks", `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`],
    ["chunks beside a length", `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello`],
    ["a folded header", `${ok}X-A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello`],
    ["a space before the colon", `${ok}Content-Length : 5\r\n\r\nhello`],
    ["a header without a colon", `${ok}nonsense\r\nContent-Length: 5\r\n\r\nhello`],
    ["a header without a name", `${ok}: 5\r\nContent-Length: 5\r\n\r\nhello`],
    ["a NUL in a header", `${ok}X: \0\r\nContent-Length: 5\r\n\r\nhello`],
    ["a NUL in a name", `${ok}X\0: y\r\nContent-Length: 5\r\n\r\nhello`],
    ["bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"],
    ["an upgrade", "HTTP/1.1 101 Switching Protocols\r\nContent-Length: 5\r\n\r\nhello"],
    ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["HTTP/2", "HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"],
    ["a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello"],
    ["a status of four digits", "HTTP/1.1 2000\r\nContent-Length: 5\r\n\r\nhello"],
    ["a status of 600", "HTTP/1.1 600 No\r\nContent-Length: 5\r\n\r\nhello"],
    ["a status of 099", "HTTP/1.1 099 No\r\nContent-Length: 5\r\n\r\nhello"],
    ["a body of 64 KiB and a byte", `${ok}Content-Length: 65537\r\n\r\n`, tooLarge],
    ["a length beyond 64 bits", `${ok}Content-Length: ${"9".repeat(40)}\r\n\r\n`, tooLarge],
    ["a length that wraps to 5", `${ok}Content-Length: 18446744073709551621\r\n\r\nhello`, tooLarge],
    ["more than 16 KiB of headers", `${ok}X: ${"y".repeat(16 * KIB)}\r\nContent-Length: 5\r\n\r\nhello`, tooLarge],
    [
      "interim responses without end",
      `${"HTTP/1.1 102 Processing\r\n\r\n".repeat(700)}${ok}Content-Length: 5\r\n\r\nhello`,
      tooLarge,
    ],
  ])("a response with %s, after one request", async (_what, response, code = "shim-response-invalid") => {
    await using server = await startRawServer({ onRequest: ({ socket }) => socket.write(response) });
    expect(await callShim(build.path, server.path)).toEqual(failure(code));
    expect(server.received).toHaveLength(1);
  });
});
