import { expect, it } from "vitest";
import { ApiError, describeRefusal } from "./api-error.ts";

it.each([
  [
    '{"message":"denied:\\n\\nrequire-labels:\\n  check: a label is missing"}',
    "denied: require-labels: check: a label is missing",
  ],
  ["<html>\n</html>", "Forbidden"],
])("describeRefusal makes one line of %s", (body, text) => {
  expect(describeRefusal(new ApiError(403, body))).toBe(`the API server returned 403: ${text}`);
});
