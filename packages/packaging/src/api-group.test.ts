import { expect, it } from "vitest";
import { checkApiGroup } from "./api-group.ts";

const API = { group: "pulls.example", isPlaceholder: true, version: "v1" };

it("checkApiGroup refuses a placeholder with the file to change, except for development", () => {
  expect(() => checkApiGroup({}, API)).toThrow("packages/protocol/src/pull-secret-api.json");
  checkApiGroup({ OCIR_BROKER_DEVELOPMENT: "1" }, API);
  checkApiGroup({}, { ...API, isPlaceholder: false });
});
