/**
 * Reads one HTTP/1 request from the bytes of a connection, whatever pieces they arrive in. Knows no socket, route or time.
 *
 * It accepts less than HTTP allows, so that two readers cannot disagree about where a request ends: every line ends with CRLF,
 * only one Content-Length states the body's length, in digits, and nothing follows the body. Memory is bounded: it stores at
 * most the head's limit, then at most the stated body.
 */
export interface HttpRequest {
  readonly method: string;
  /** The path with its query, such as `/metrics?x=1`. */
  readonly target: string;
  readonly body: Buffer;
}

export type ReaderRefusal = "headers-too-large" | "body-too-large" | "request-malformed";

export type ReadResult =
  | { readonly state: "complete"; readonly request: HttpRequest }
  | { readonly state: "refused"; readonly code: ReaderRefusal }
  /** `isContinueDue`: the client waits for "100 Continue" before it sends the body. */
  | { readonly state: "incomplete"; readonly isContinueDue: boolean };

/** The shim sends four headers. */
export const MAX_HEAD_BYTES = 8 * 1_024;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** A line must not contain control characters other than a tab. */
const NOT_TEXT = /[^\t\x20-\x7e\x80-\xff]/;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** Only a path as the target: no proxy and no other host is meant. */
const REQUEST_LINE = new RegExp(`^(${TOKEN}) (/[!-~]*) HTTP/1\\.([01])$`);
/** A folded line, and a name with a space before its colon, do not match. */
const HEADER = new RegExp(`^(${TOKEN}):`);
const LENGTH = /^[ \t]*([0-9]+)[ \t]*$/;
const CONTINUE = /^[ \t]*100-continue[ \t]*$/i;

const INCOMPLETE: ReadResult = { state: "incomplete", isContinueDue: false };

export class RequestReader {
  /** Empty until the request line has been read. */
  method = "";
  isHeadRead = false;
  readonly #maxBodyBytes: number;
  /** The head, then the body. */
  #bytes = Buffer.allocUnsafe(MAX_HEAD_BYTES);
  #length = 0;
  #lineStart = 0;
  #scanned = 0;
  #target = "";
  #isVersion11 = false;
  #bodyBytes: number | undefined;
  #expectsContinue = false;

  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** Call it until the result is not "incomplete"; the last result is final. */
  read(piece: Buffer): ReadResult {
    return this.isHeadRead ? this.#readBody(piece) : this.#readHead(piece);
  }

  #readHead(piece: Buffer): ReadResult {
    const taken = this.#take(piece);
    for (;;) {
      const lineFeed = this.#bytes.subarray(0, this.#length).indexOf(LINE_FEED, this.#scanned);
      if (lineFeed < 0) {
        this.#scanned = this.#length;
        return this.#length === MAX_HEAD_BYTES ? refused("headers-too-large") : INCOMPLETE;
      }
      if (this.#bytes[lineFeed - 1] !== CARRIAGE_RETURN) return refused("request-malformed");
      const line = this.#bytes.toString("latin1", this.#lineStart, lineFeed - 1);
      this.#lineStart = this.#scanned = lineFeed + 1;
      if (line === "" && this.method !== "") return this.#startBody(piece.subarray(taken));
      const code = this.method === "" ? this.#readRequestLine(line) : this.#readHeader(line);
      if (code !== undefined) return refused(code);
    }
  }

  /** Returns how many bytes there was room for. */
  #take(piece: Buffer): number {
    const taken = piece.copy(this.#bytes, this.#length);
    this.#length += taken;
    return taken;
  }

  #readRequestLine(line: string): ReaderRefusal | undefined {
    const [, method = "", target = "", minor] = REQUEST_LINE.exec(line) ?? [];
    this.method = method;
    this.#target = target;
    this.#isVersion11 = minor === "1";
    return method === "" ? "request-malformed" : undefined;
  }

  #readHeader(line: string): ReaderRefusal | undefined {
    const name = HEADER.exec(line)?.[1];
    if (name === undefined || NOT_TEXT.test(line)) return "request-malformed";
    const value = line.slice(name.length + 1);
    switch (name.toLowerCase()) {
      case "content-length":
        return this.#readLength(LENGTH.exec(value)?.[1]);
      case "transfer-encoding":
        return "request-malformed";
      case "expect":
        this.#expectsContinue = CONTINUE.test(value);
        return this.#expectsContinue ? undefined : "request-malformed";
      default:
        return undefined;
    }
  }

  #readLength(digits: string | undefined): ReaderRefusal | undefined {
    if (digits === undefined || this.#bodyBytes !== undefined) return "request-malformed";
    this.#bodyBytes = Number(digits);
    return undefined;
  }

  #startBody(rest: Buffer): ReadResult {
    this.isHeadRead = true;
    const bodyBytes = this.#bodyBytes ?? 0;
    if (bodyBytes > this.#maxBodyBytes) return refused("body-too-large");
    const first = this.#bytes.subarray(this.#lineStart, this.#length);
    this.#bytes = Buffer.allocUnsafe(bodyBytes);
    this.#length = 0;
    const result = this.#readBody(first);
    return result.state === "incomplete"
      ? this.#readBody(rest)
      : rest.length > 0
        ? refused("request-malformed")
        : result;
  }

  #readBody(piece: Buffer): ReadResult {
    if (this.#take(piece) < piece.length) return refused("request-malformed");
    if (this.#length === this.#bytes.length) {
      return { state: "complete", request: { method: this.method, target: this.#target, body: this.#bytes } };
    }
    const isContinueDue = this.#expectsContinue && this.#isVersion11 && this.#length === 0;
    return { state: "incomplete", isContinueDue };
  }
}

function refused(code: ReaderRefusal): ReadResult {
  return { state: "refused", code };
}
