/** The chart's value `config` takes what the daemon reads: its schema is made of the configuration's. `npm run docs` writes it. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { configJsonSchema } from "@ocir-broker/config/schema";
import { expect, it } from "vitest";
import { CHECKOUT } from "./release.ts";

const PATH = join(CHECKOUT, "deploy/helm/ocir-broker/values.schema.json");
const IN_WORDS = ["$schema", "default", "description", "examples"];

it("values.schema.json has the schema of the configuration", async () => {
  const config = JSON.stringify({ ...rulesIn(configJsonSchema()), type: ["object", "null"] });
  const definition = /(?<=^ {4}"config": )\{$.*?^ {4}\}/ms;
  const text = readFileSync(PATH, "utf8").replace(definition, () => config);
  const format = ["format", `--stdin-file-path=${PATH}`];
  const formatted = execFileSync("biome", format, { input: text, encoding: "utf8" });
  await expect(formatted).toMatchFileSnapshot(PATH);
});

/** Without the words. Helm's regular expressions are Go's, which repeat at most 1000 times. */
function rulesIn(schema: object): object {
  const rules = Object.entries(schema).filter(([name]) => !IN_WORDS.includes(name));
  return Object.fromEntries(
    rules.map(([name, value]) => {
      if (name === "pattern") return [name, value.replace(/\{[01],\d{4,}\}/g, "*")];
      if (name !== "properties") return [name, value];
      return [name, Object.fromEntries(Object.entries(value).map(([key, of]) => [key, rulesIn(of as object)]))];
    }),
  );
}
