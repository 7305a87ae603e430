import { ERROR_TABLE, type ErrorCode } from "@ocir-broker/errors/catalogue";
import { PULL_SECRET_ERRORS, type PullSecretErrorCode } from "@ocir-broker/errors/pull-secret-errors";
import { expect, it } from "vitest";
import { reasonOf } from "./failure.ts";

it("reasonOf makes a reason that Kubernetes accepts of each code, and of no two the same", () => {
  const codes = Object.keys({ ...ERROR_TABLE, ...PULL_SECRET_ERRORS }) as (ErrorCode | PullSecretErrorCode)[];
  const reasons = codes.map(reasonOf);
  expect(reasonOf("name-not-allowed")).toBe("NameNotAllowed");
  expect(reasons.filter((reason) => !/^[A-Za-z][A-Za-z0-9]*$/.test(reason))).toEqual([]);
  expect(new Set(reasons).size).toBe(codes.length);
});
