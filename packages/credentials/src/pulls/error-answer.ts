/** Renders an error as the shim passes it on to the kubelet's log: one printable ASCII line with a stable code. */
import { type ErrorCode, errorRowOf } from "@ocir-broker/errors/catalogue";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import { OcirError } from "@ocir-broker/ocir/ocir-error";
import { type HttpAnswer, textAnswer } from "./http-answer.ts";

export function errorAnswerOf(error: unknown): HttpAnswer {
  const place = error instanceof IdentityError ? error.place : undefined;
  return answerWith(codeOf(error), error instanceof OcirError ? error.reason : place);
}

export function errorAnswer(code: ErrorCode): HttpAnswer {
  return answerWith(code);
}

function answerWith(anyCode: string, reason?: string): HttpAnswer {
  const { code, row } = errorRowOf(anyCode);
  const what = reason === undefined ? row.what : `${row.what}: ${reason}`;
  return textAnswer(row.status, `ocir-broker: ${code}: ${what}; ${row.next}\n`);
}
