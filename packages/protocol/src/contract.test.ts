import { ERROR_TABLE } from "@ocir-broker/errors/catalogue";
import { expect, it } from "vitest";
import { MAX_REQUEST_BYTES } from "./contract.ts";

it.each(["request-too-large", "body-too-large"] as const)("the text of %s names the contract's limit", (code) => {
  expect(ERROR_TABLE[code].what).toContain(`larger than ${MAX_REQUEST_BYTES / 1_024} KiB`);
});
