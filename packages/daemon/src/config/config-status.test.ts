import { ConfigError } from "@ocir-broker/credentials/errors/config-error";
import { expect, it } from "vitest";
import { createConfigStatus } from "./config-status.ts";

it("createConfigStatus names the file, and the first ten of many errors", () => {
  const places = Array.from({ length: 30 }, (_, at) => `line ${at + 1}: an unknown key`);
  const configError = new ConfigError("config-invalid", "canary", places);
  expect(createConfigStatus("/etc/ocir-broker/config.yaml", { inForce: "valid-part", configError }).details()).toEqual({
    path: "/etc/ocir-broker/config.yaml",
    inForce: "valid-part",
    error: "config-invalid",
    errorPlaces: places.slice(0, 10),
    needRestart: [],
  });
});
