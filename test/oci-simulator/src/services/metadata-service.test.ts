import { expect, test } from "vitest";
import { type RawRequest, send } from "../../test/raw-client.ts";
import { sharedSimulator } from "../for-tests.ts";

const simulator = await sharedSimulator();

const authorization = "Bearer Oracle";

test.each<[string, number, string, RawRequest["headers"], method?: string]>([
  ["no Authorization", 401, "/v2/instance/region", { authorization: undefined }],
  ["another Authorization", 403, "/v2/instance/region", { authorization: "Bearer oracle" }],
  ["an Authorization sent twice", 400, "/v2/instance/region", { authorization: [authorization, authorization] }],
  ["Forwarded", 403, "/v2/instance/region", { forwarded: "for=10.0.0.1" }],
  ["X-Forwarded-For", 403, "/v2/instance/region", { "x-forwarded-for": "10.0.0.1" }],
  ["X-Forwarded-Host", 403, "/v2/instance/region", { "x-forwarded-host": "x" }],
  ["version 1", 404, "/v1/instance/region", {}],
  ["an unknown path", 404, "/v2/instance/nothing", {}],
  ["a path below a value", 404, "/v2/instance/region/x", {}],
  ["a path named like a method of objects", 404, "/v2/instance/constructor", {}],
  ["another identity document", 404, "/v2/identity/other.pem", {}],
  ["no path", 404, "/v2", {}],
  ["another method", 405, "/v2/instance/region", {}, "PUT"],
])("the metadata service refuses %s with %i", async (_, status, path, headers, method) => {
  const request = { ...(method && { method }), target: `/opc${path}`, headers: { authorization, ...headers } };
  expect((await send(simulator.metadataUrl, request)).status).toBe(status);
});
