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
  | { readonly state: "incomplete" };

/** The shim sends four headers. */
export const MAX_HEAD_BYTES = 8 * 1_024;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** Only a path as the target: no proxy and no other host is meant. */
const REQUEST_LINE = new RegExp(`^(${TOKEN}) (/[!-~]*) HTTP/1\\.[01]$`);
/** A folded line, a name with a space before its colon, and a control character other than a tab do not match. */
const HEADER = new RegExp(`^(${TOKEN}):([\\t\\x20-\\x7e\\x80-\\xff]*)$`);
const LENGTH = /^[ \t]*([0-9]+)[ \t]*$/;

const NO_BYTES = Buffer.alloc(0);

const INCOMPLETE: ReadResult = { state: "incomplete" };

export class RequestReader {
  /** Empty until the request line has been read. */
  method = "";
  isHeadRead = false;
  readonly #maxBodyBytes: number;
  /** The start of a line whose end has not arrived. Usually the head arrives whole, and nothing is copied. */
  #lineStart: Buffer | undefined;
  #lineStartBytes = 0;
  #headBytes = 0;
  #body = NO_BYTES;
  #bodyRead = 0;
  #target = "";
  #bodyBytes: number | undefined;

  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** Of a body that has not arrived whole. */
  get bufferedBytes(): number {
    return this.#body.length;
  }

  /** Call it until the result is not "incomplete"; the last result is final. */
  read(piece: Buffer): ReadResult {
    return this.isHeadRead ? this.#readBody(piece) : this.#readHead(piece);
  }

  #readHead(piece: Buffer): ReadResult {
    const text = piece.toString("latin1", 0, MAX_HEAD_BYTES - this.#headBytes);
    this.#headBytes += text.length;
    let start = 0;
    for (;;) {
      const lineFeed = text.indexOf("\n", start);
      if (lineFeed < 0) {
        this.#keep(piece.subarray(start, text.length));
        return this.#headBytes === MAX_HEAD_BYTES ? refused("headers-too-large") : INCOMPLETE;
      }
      const ended = this.#takeLineStart() + text.slice(start, lineFeed);
      start = lineFeed + 1;
      if (!ended.endsWith("\r")) return refused("request-malformed");
      const line = ended.slice(0, -1);
      if (line === "" && this.method !== "") return this.#startBody(piece.subarray(start));
      const code = this.method === "" ? this.#readRequestLine(line) : this.#readHeader(line);
      if (code !== undefined) return refused(code);
    }
  }

  /** In one buffer: a string that grows by single bytes would take 30 times their memory. */
  #keep(lineStart: Buffer): void {
    this.#lineStart ??= Buffer.allocUnsafe(MAX_HEAD_BYTES);
    this.#lineStartBytes += lineStart.copy(this.#lineStart, this.#lineStartBytes);
  }

  #takeLineStart(): string {
    if (this.#lineStartBytes === 0) return "";
    const text = this.#lineStart?.toString("latin1", 0, this.#lineStartBytes) ?? "";
    this.#lineStartBytes = 0;
    return text;
  }

  #readRequestLine(line: string): ReaderRefusal | undefined {
    const [, method = "", target = ""] = REQUEST_LINE.exec(line) ?? [];
    this.method = method;
    this.#target = target;
    return method === "" ? "request-malformed" : undefined;
  }

  #readHeader(line: string): ReaderRefusal | undefined {
    const [, name, value = ""] = HEADER.exec(line) ?? [];
    if (name === undefined) return "request-malformed";
    if (name.toLowerCase() === "content-length") return this.#readLength(LENGTH.exec(value)?.[1]);
    return name.toLowerCase() === "transfer-encoding" ? "request-malformed" : undefined;
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
    if (rest.length === bodyBytes) return this.#complete(rest);
    this.#body = Buffer.allocUnsafe(bodyBytes);
    return this.#readBody(rest);
  }

  #readBody(piece: Buffer): ReadResult {
    const taken = piece.copy(this.#body, this.#bodyRead);
    if (taken < piece.length) return refused("request-malformed");
    this.#bodyRead += taken;
    if (this.#bodyRead === this.#body.length) return this.#complete(this.#body);
    return INCOMPLETE;
  }

  #complete(body: Buffer): ReadResult {
    return { state: "complete", request: { method: this.method, target: this.#target, body } };
  }
}

function refused(code: ReaderRefusal): ReadResult {
  return { state: "refused", code };
}
