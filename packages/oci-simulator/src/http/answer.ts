/** One HTTP answer as a value, and functions that create one. The listener writes it to the socket. */
import { randomBytes } from "node:crypto";
import type { ReceivedRequest } from "./received-request.ts";
import { oracleError, type Refusal } from "./refusal.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** A refusal's true reason, for `GET /refusals`; never sent to the client. */
  readonly reason?: string;
}

type Headers = Readonly<Record<string, string>>;

export function answerJson(status: number, value: unknown, headers: Headers = {}): Answer {
  return answer(status, "application/json", JSON.stringify(value), headers);
}

export function answerText(status: number, text: string, headers: Headers = {}): Answer {
  return answer(status, "text/plain", text, headers);
}

/** The error page of a web server in front of a service. */
export function answerHtml(status: number, title: string, headers: Headers = {}): Answer {
  const page = `<html>\n<head><title>${status} ${title}</title></head>\n<body>\n<h1>${status} ${title}</h1>\n</body>\n</html>\n`;
  return answer(status, "text/html; charset=utf-8", page, headers);
}

/** The common form of errors in Oracle's APIs. */
export function answerRefusal(refusal: Refusal): Answer {
  return { ...answerJson(refusal.status, { code: refusal.code, message: refusal.said }), reason: refusal.message };
}

/** The same for a status without a refusal. */
export function failOracle(status: number): Answer {
  return answerJson(status, oracleError(status));
}

/** Oracle's APIs give each answer an id, which starts with the client's request id. */
export function withRequestId(answered: Answer, request: ReceivedRequest): Answer {
  const own = () => randomBytes(16).toString("hex").toUpperCase();
  const id = `${request.headers["opc-request-id"] ?? own()}/${own()}/${own()}`;
  return { ...answered, headers: { "opc-request-id": id, ...answered.headers } };
}

function answer(status: number, contentType: string, body: string, headers: Headers): Answer {
  return { status, headers: { "content-type": contentType, ...headers }, body: Buffer.from(body) };
}
