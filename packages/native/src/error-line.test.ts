import { expect, test } from "vitest";
import { startAnswering } from "../test/raw-socket-server.ts";
import { callShim, describeShim, failure } from "../test/shim-call.ts";

const KIB = 1024;

describeShim("error_line_relay", (build) => {
  const failWith = async (status: string, body: string | Buffer) => {
    await using server = await startAnswering(status, body);
    return await callShim(build.path, server.path);
  };

  test.each([
    ["several lines", "first\nsecond\n", "first\n"],
    ["no line end", "first", "first\n"],
    ["a carriage return", "first\r\nsecond", "first\n"],
    ["terminal escapes", "\u001b[31mred\u001b]0;title\u0007\n", "?[31mred?]0;title?\n"],
    ["UTF-8", "caf\u00e9\n", "caf??\n"],
    ["binary junk", Buffer.from([0, 1, 127, 128, 255, 65, 9]), "?????A?\n"],
    ["10 KiB in one line", "x".repeat(10 * KIB), `${"x".repeat(511)}\n`],
  ])("prints one printable line for %s", async (_what, body, shown) => {
    expect(await failWith("500 Oops", body)).toEqual({ exitCode: 1, stdout: "", stderr: shown });
  });

  test.each([
    ["empty", ""],
    ["an empty line", "\r\nsecond\n"],
  ])("prints its own line if the response's line is %s", async (_what, body) => {
    const result = await failWith("502 Oops", body);
    expect(result).toEqual(failure("shim-response-status"));
    expect(result.stderr).toContain("502");
  });

  test("reports a 200 without a body as an empty response", async () => {
    expect(await failWith("200 OK", "")).toEqual(failure("shim-response-empty"));
  });
});
