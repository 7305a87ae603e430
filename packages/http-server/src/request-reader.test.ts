import { describe, expect, it } from "vitest";
import { MAX_HEAD_BYTES, type ReadResult, RequestReader } from "./request-reader.ts";

const MAX_BODY_BYTES = 20;
const GET = "GET /a?b=1 HTTP/1.1\r\n";
const POST = "POST /a HTTP/1.1\r\n";

/** The result of the last piece that is read. */
function read(...pieces: readonly string[]): ReadResult {
  const reader = new RequestReader(MAX_BODY_BYTES);
  let result: ReadResult = { state: "incomplete" };
  for (const piece of pieces) {
    result = reader.read(Buffer.from(piece, "latin1"));
    if (result.state !== "incomplete") break;
  }
  return result;
}

/** A complete request as its target and body, a refusal as its code, or "incomplete". */
function outcome(...pieces: readonly string[]): string {
  const result = read(...pieces);
  if (result.state === "complete") return `${result.request.target} ${result.request.body}`;
  return result.state === "refused" ? result.code : result.state;
}

describe("RequestReader", () => {
  it.each([
    ["no header", `${GET}\r\n`, "/a?b=1 "],
    ["HTTP/1.0", "GET /a HTTP/1.0\r\n\r\n", "/a "],
    ["a method that HTTP does not define", "PURGE /a HTTP/1.1\r\n\r\n", "/a "],
    ["a body", `${POST}Content-Length: 5\r\n\r\nhello`, "/a hello"],
    ["a body on GET", `${GET}Content-Length: 1\r\n\r\nx`, "/a?b=1 x"],
    ["a body with Content-Length 0", `${POST}Content-Length: 0\r\n\r\n`, "/a "],
    ["the largest body", `${POST}Content-Length: 20\r\n\r\n${"x".repeat(20)}`, `/a ${"x".repeat(20)}`],
    ["a length with spaces and leading zeros", `${POST}content-LENGTH:\t 005 \t\r\n\r\nhello`, "/a hello"],
    ["bytes of any kind in the body", `${POST}Content-Length: 4\r\n\r\n\r\n\r\n`, "/a \r\n\r\n"],
    ["an expectation", `${POST}Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx`, "/a x"],
    ["a header's value in UTF-8, empty, or with a colon", `${GET}A: \xc3\xa4\r\nB:\r\nC: x:y\r\n\r\n`, "/a?b=1 "],
    ["two hosts, because no route depends on one", `${GET}Host: a\r\nHost: b\r\n\r\n`, "/a?b=1 "],
  ])("accepts %s, in one piece and byte by byte", (_what, text, expected) => {
    expect(outcome(text)).toBe(expected);
    expect(outcome(...text)).toBe(expected);
  });

  it.each([
    ["nothing", ""],
    ["a part of the head", `${GET}Host: a\r\n`],
    ["a part of the body", `${POST}Content-Length: 5\r\n\r\nhell`],
  ])("waits for the rest after %s", (_what, text) => {
    expect(outcome(text)).toBe("incomplete");
    expect(outcome(...text)).toBe("incomplete");
  });

  it.each([
    ["what is not HTTP", "nonsense\r\n"],
    ["an empty line before the request", `\r\n${GET}\r\n`],
    ["HTTP/0.9", "GET /a\r\n"],
    ["another version", "GET /a HTTP/1.2\r\n\r\n"],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["a version in lower case", "GET /a http/1.1\r\n\r\n"],
    ["an absolute target", "GET http://localhost/a HTTP/1.1\r\n\r\n"],
    ["a target of CONNECT", "CONNECT localhost:80 HTTP/1.1\r\n\r\n"],
    ["a target of OPTIONS", "OPTIONS * HTTP/1.1\r\n\r\n"],
    ["a space in the target", "GET /a b HTTP/1.1\r\n\r\n"],
    ["a byte in the target that is not ASCII", "GET /\xe4 HTTP/1.1\r\n\r\n"],
    ["two spaces in the request line", "GET  /a HTTP/1.1\r\n\r\n"],
    ["a space at the end of the request line", "GET /a HTTP/1.1 \r\n\r\n"],
    ["a line that ends without CR", "GET /a HTTP/1.1\n\r\n"],
    ["a header that ends without CR", `${GET}A: b\n\r\n`],
    ["a head that ends without CR", `${GET}A: b\r\n\n`],
    ["a CR within a line", `${GET}A: b\rC: d\r\n\r\n`],
    ["two CRs at the end of a line", `${GET}A: b\r\r\n\r\n`],
    ["a NUL", `${GET}A: b\0\r\n\r\n`],
    ["a folded line", `${GET}A: b\r\n c\r\n\r\n`],
    ["a folded length", `${POST}Content-Length:\r\n 5\r\n\r\nhello`],
    ["a space before the colon", `${POST}Content-Length : 5\r\n\r\nhello`],
    ["a header without a colon", `${GET}A\r\n\r\n`],
    ["a header without a name", `${GET}: b\r\n\r\n`],
    ["two lengths", `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`],
    ["the same length twice", `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
    ["a list of lengths", `${POST}Content-Length: 5, 5\r\n\r\nhello`],
    ["a positive sign", `${POST}Content-Length: +5\r\n\r\nhello`],
    ["a negative sign", `${POST}Content-Length: -5\r\n\r\nhello`],
    ["a hexadecimal length", `${POST}Content-Length: 0x5\r\n\r\nhello`],
    ["a length with a fraction", `${POST}Content-Length: 5.0\r\n\r\nhello`],
    ["a length with an exponent", `${POST}Content-Length: 1e1\r\n\r\nhellohello`],
    ["an empty length", `${POST}Content-Length:\r\n\r\n`],
    ["a length with a no-break space", `${POST}Content-Length: \xa05\r\n\r\nhello`],
    ["a chunked body", `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ["a chunked body with a length", `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello`],
    ["an empty Transfer-Encoding", `${POST}transfer-encoding:\r\nContent-Length: 5\r\n\r\nhello`],
  ])("refuses %s, in one piece and byte by byte", (_what, text) => {
    expect(outcome(text)).toBe("request-malformed");
    expect(outcome(...text)).toBe("request-malformed");
  });

  it.each([
    ["a second request", [`${GET}\r\n${GET}\r\n`]],
    ["a body without a length", [`${POST}\r\nhello`]],
    ["a byte behind the body", [`${POST}Content-Length: 5\r\n\r\nhello!`]],
    ["a byte behind the body's last piece", [`${POST}Content-Length: 5\r\n\r\nhe`, "llo!"]],
    ["a byte behind a head in two pieces", [GET, "\r\n!"]],
  ])("refuses %s in the same piece", (_what, pieces) => {
    expect(outcome(...pieces)).toBe("request-malformed");
  });

  it.each([
    ["one byte more than the limit", "21"],
    ["a number beyond every integer", "9".repeat(400)],
  ])("refuses a Content-Length of %s before any of the body arrives", (_what, length) => {
    expect(outcome(`${POST}Content-Length: ${length}\r\n\r\n`)).toBe("body-too-large");
  });

  it("accepts a head of at most 8 KiB", () => {
    const head = (bytes: number): string => {
      const rest = `${GET}A: \r\n\r\n`;
      return rest.replace("A: ", `A: ${"x".repeat(bytes - rest.length)}`);
    };
    expect(outcome(head(MAX_HEAD_BYTES))).toBe("/a?b=1 ");
    expect(outcome(head(MAX_HEAD_BYTES + 1))).toBe("headers-too-large");
    expect(outcome(...head(MAX_HEAD_BYTES + 1))).toBe("headers-too-large");
    expect(outcome(`${head(MAX_HEAD_BYTES).slice(0, -4)}\r\nContent-Length: 5\r\n\r\nhello`)).toBe("headers-too-large");
    expect(outcome("x".repeat(65_536))).toBe("headers-too-large");
  });

  it("accepts a body that begins in the last piece of a head", () => {
    const head = `${POST}A: ${"x".repeat(8_000)}\r\nContent-Length: 20\r\n\r\n`;
    expect(outcome(head.slice(0, 9), `${head.slice(9)}${"y".repeat(20)}`)).toBe(`/a ${"y".repeat(20)}`);
  });

  it("allocates a body once, however many pieces it arrives in", () => {
    const reader = new RequestReader(MAX_BODY_BYTES);
    reader.read(Buffer.from(`${POST}Content-Length: 20\r\n\r\n`));
    const piece = Buffer.from("x");
    let result: ReadResult | undefined;
    for (let index = 0; index < 20; index += 1) result = reader.read(piece);
    piece.fill("y");
    expect(result).toMatchObject({ state: "complete", request: { body: Buffer.from("x".repeat(20)) } });
  });
});
