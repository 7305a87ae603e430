import { type ReadResult, RequestReader } from "../../../packages/http-server/src/request-reader.ts";

const MAX_BODY_BYTES = 256;

/**
 * The whole grammar in one expression: independent of the reader's lines and pieces. Its lengths are checked by `isRequest`.
 * `s`: a body may contain any byte.
 */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const REQUEST = new RegExp(
  `^${TOKEN} /[!-~]* HTTP/1\\.[01]\r\n(?<fields>(?:${TOKEN}:[\\t\\x20-\\x7e\\x80-\\xff]*\r\n)*)\r\n(?<body>.*)$`,
  "s",
);

/** However its bytes are cut, a request has one end and one verdict; an accepted one has the strict form and its stated length. */
export function fuzz(data: Buffer): void {
  const bytewise = new RequestReader(MAX_BODY_BYTES);
  let end = 0;
  let result: ReadResult = { state: "incomplete" };
  while (end < data.length && result.state === "incomplete") {
    result = bytewise.read(data.subarray(end, end + 1));
    end += 1;
  }
  const read = data.subarray(0, end);
  same(result, new RequestReader(MAX_BODY_BYTES).read(read));
  const cut = (data[0] ?? 0) % (end + 1);
  const inTwo = new RequestReader(MAX_BODY_BYTES);
  const first = inTwo.read(read.subarray(0, cut));
  if (first.state === "incomplete") same(result, inTwo.read(read.subarray(cut)));
  else if (cut < end) throw new TypeError("a part has a verdict that the bytes do not have one by one");

  const isAccepted = result.state === "complete";
  if (isAccepted !== isRequest(read)) throw new TypeError(`accepted: ${isAccepted}`);
  const longer = new RequestReader(MAX_BODY_BYTES).read(Buffer.concat([read, Buffer.from("x")]));
  if (isAccepted && longer.state !== "refused") throw new TypeError("a byte behind a request was accepted");
}

function isRequest(bytes: Buffer): boolean {
  const { fields = "", body = "" } = REQUEST.exec(bytes.toString("latin1"))?.groups ?? {};
  const values = (name: string): string[] =>
    fields
      .split("\r\n")
      .flatMap((line) => (line.toLowerCase().startsWith(`${name}:`) ? [line.slice(name.length + 1)] : []));
  const lengths = values("content-length");
  return (
    REQUEST.test(bytes.toString("latin1")) &&
    bytes.length - body.length <= 8_192 &&
    values("transfer-encoding").length === 0 &&
    lengths.length <= 1 &&
    lengths.every((value) => /^[ \t]*\d+[ \t]*$/.test(value)) &&
    body.length === Number(lengths[0] ?? 0) &&
    body.length <= MAX_BODY_BYTES
  );
}

function same(one: ReadResult, other: ReadResult): void {
  if (JSON.stringify(one) !== JSON.stringify(other)) throw new TypeError(`${JSON.stringify([one, other])}`);
}
