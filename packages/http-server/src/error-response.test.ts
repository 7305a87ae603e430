import { OwnError } from "@ocir-broker/errors/describe-error";
import { clientError, type ErrorRow, permanent, transient } from "@ocir-broker/errors/error-row";
import { expect, it } from "vitest";
import { HTTP_STATUSES, type HttpErrorCode } from "./error-codes.ts";
import { errorResponseOf, refusalOf } from "./error-response.ts";

class TestError extends OwnError<string> {
  constructor(row: ErrorRow, subject?: string) {
    super("a-code", row, "for the log", { subject });
  }
}

const partsOf = ({ status, body }: ReturnType<typeof errorResponseOf>) => [status, body.toString()];

it.each([
  ["a client's error", new TestError(clientError("it is wrong", "mend it")), 400, "a-code: it is wrong; mend it"],
  [
    "its subject",
    new TestError(clientError("it is wrong", "mend it"), "the tag"),
    400,
    "a-code: it is wrong: the tag; mend it",
  ],
  ["an error of ours", new TestError(permanent("it failed", "call us")), 503, "a-code: it failed; call us"],
  ["one that may pass", new TestError(transient("it failed", "wait")), 503, "a-code: it failed; wait"],
])("errorResponseOf tells %s by its status", (_what, error, status, line) => {
  expect(partsOf(errorResponseOf(error))).toEqual([status, `ocir-broker: ${line}\n`]);
});

it.each([
  Object.assign(new Error("secret text"), { code: "timeout" }),
  Object.assign(new Error("secret text"), { code: "constructor" }),
  new Error("secret text"),
  "secret text",
])("errorResponseOf shows nothing of %o", (error) => {
  const [status, line] = partsOf(errorResponseOf(error));
  expect([status, line]).toEqual([503, expect.stringMatching(/^ocir-broker: internal: /)]);
  expect(line).not.toContain("secret");
});

it.each(Object.entries(HTTP_STATUSES))("refusalOf %s has the status %i", (code, status) => {
  expect(partsOf(refusalOf(code as HttpErrorCode))).toEqual([status, expect.stringMatching(`^ocir-broker: ${code}: `)]);
});
