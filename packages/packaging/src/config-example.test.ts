/** The example that is installed with the packages is a configuration, has every key, and tells the defaults as they are. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkConfig, configSchema } from "@ocir-broker/broker";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { FILES } from "./installed-tree.ts";

const example = readFileSync(join(FILES, "config.example.yaml"), "utf8");
/** With every key in force: one `#` less on each line of a setting. */
const uncommented = example.replace(/^#(?= {2}# | *[a-zA-Z]+:)/gm, "");

type Sections = Record<string, Record<string, unknown>>;

describe("config.example.yaml", () => {
  it("as it is, is a configuration that changes nothing", () => {
    expect(checkConfig(example)).toEqual(checkConfig(""));
  });

  it("with every key in force is a configuration", () => {
    expect(checkConfig(uncommented)).toEqual({ config: parse(uncommented) });
  });

  it("has every key and no other", () => {
    const keys = Object.entries(configSchema.shape).flatMap(([name, section]) =>
      Object.keys(section.unwrap().shape).map((key) => `${name}.${key}`),
    );
    const shown = Object.entries(parse(uncommented) as Sections).flatMap(([name, section]) =>
      Object.keys(section).map((key) => `${name}.${key}`),
    );
    expect(shown).toEqual(keys);
  });

  it("tells the defaults as they are", () => {
    expect(parse(uncommented)).toMatchObject(configSchema.parse({}));
  });
});
