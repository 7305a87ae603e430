import { expect, test } from "vitest";
import { httpResponse, startRawServer } from "../test/raw-socket-server.ts";
import { callShim, describeShim, lineOf } from "../test/shim-call.ts";

const KIB = 1024;

describeShim("error_line_relay", (build) => {
  const failWith = async (status: string, body: string | Buffer) => {
    await using server = await startRawServer({
      onRequest: ({ socket }) => socket.end(httpResponse(status, body)),
    });
    const result = await callShim(build.path, server.path);
    expect(result.exitCode).toBe(1);
    expect(result.stdout).toHaveLength(0);
    expect(server.received).toHaveLength(1);
    return result.stderr;
  };
  const line = "ocir-broker: token-denied: the registry refused; grant the policy\n";

  test.each([
    "400 Bad Request",
    "403 Forbidden",
    "429 Too Many Requests",
    "500 Internal Server Error",
    "503 Service Unavailable",
    "302 Found",
  ])("of a %s, after one request", async (status) => expect(await failWith(status, line)).toBe(line));

  test.each([
    ["several lines", "first\nsecond\n", "first\n"],
    ["no line end", "first", "first\n"],
    ["a carriage return", "first\r\nsecond", "first\n"],
    ["terminal escapes", "\u001b[31mred\u001b]0;title\u0007\n", "?[31mred?]0;title?\n"],
    ["UTF-8", "caf\u00e9\n", "caf??\n"],
    ["binary junk", Buffer.from([0, 1, 127, 128, 255, 65, 9]), "?????A?\n"],
    ["10 KiB in one line", "x".repeat(10 * KIB), `${"x".repeat(511)}\n`],
  ])("with %s made harmless", async (_what, body, shown) => {
    expect(await failWith("500 Oops", body)).toBe(shown);
  });

  test.each([
    ["empty", ""],
    ["an empty line", "\r\nsecond\n"],
  ])("or its own where that is %s", async (_what, body) => {
    const shown = await failWith("502 Oops", body);
    expect(shown).toMatch(lineOf("shim-answer-status"));
    expect(shown).toContain("502");
  });

  test("not for a 200 without a body", async () => {
    expect(await failWith("200 OK", "")).toMatch(lineOf("shim-answer-empty"));
  });
});
