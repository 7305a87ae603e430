import { ERROR_TABLE, type ErrorCode } from "@ocir-broker/errors/catalogue";
import { expect, it } from "vitest";
import { errorResponse } from "./error-response.ts";

it.each(Object.keys(ERROR_TABLE) as ErrorCode[])("reports %s in one printable line of at most 512 bytes", (code) => {
  const { status, contentType, body } = errorResponse(code);
  expect(status).toBeGreaterThanOrEqual(400);
  expect(contentType).toBe("text/plain; charset=utf-8");
  expect(body.length).toBeLessThanOrEqual(512);
  expect(body.toString()).toMatch(new RegExp(`^ocir-broker: ${code}: [ -:<-~]+; [ -:<-~]+\n$`));
});
