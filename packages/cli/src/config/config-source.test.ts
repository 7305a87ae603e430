import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { describeSource } from "./config-source.ts";

it("describeSource says of a person's optional file whether it exists", () => {
  const defaultPath = join(temporaryFolder(), "config.yaml");
  const source = { environment: {}, defaultPath };
  expect(describeSource(source)).toBe(`${defaultPath} does not exist, so the defaults are in force`);
  writeFileSync(defaultPath, "");
  expect(describeSource(source)).toBe(`read from ${defaultPath}`);
});
