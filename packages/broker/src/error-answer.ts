/** An error as the shim passes it on to the kubelet's log: one printable ASCII line with a stable code. */
import { OcirError } from "@ocir-broker/ocir";
import { codeOf } from "./error-description.ts";
import { type ErrorCode, errorRowOf } from "./error-table.ts";
import { type HttpAnswer, textAnswer } from "./http-answer.ts";

export function errorAnswerOf(error: unknown): HttpAnswer {
  return answerWith(codeOf(error), error instanceof OcirError ? error.reason : undefined);
}

export function errorAnswer(code: ErrorCode): HttpAnswer {
  return answerWith(code);
}

function answerWith(anyCode: string, reason?: string): HttpAnswer {
  const { code, row } = errorRowOf(anyCode);
  const what = reason === undefined ? row.what : `${row.what}: ${reason}`;
  return textAnswer(row.status, `ocir-broker: ${code}: ${what}; ${row.next}\n`);
}
