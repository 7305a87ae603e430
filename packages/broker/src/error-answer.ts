/** An error as the shim passes it on to the kubelet's log: one printable ASCII line with a stable code. */
import { codeOf } from "./error-description.ts";
import { type ErrorCode, errorRowOf } from "./error-table.ts";
import { type HttpAnswer, textAnswer } from "./http-answer.ts";

export function errorAnswerOf(error: unknown): HttpAnswer {
  return answerWith(codeOf(error));
}

export function errorAnswer(code: ErrorCode): HttpAnswer {
  return answerWith(code);
}

function answerWith(anyCode: string): HttpAnswer {
  const { code, row } = errorRowOf(anyCode);
  return textAnswer(row.status, `ocir-broker: ${code}: ${row.what}; ${row.next}\n`);
}
