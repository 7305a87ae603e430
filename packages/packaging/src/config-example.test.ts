/**
 * The example that is installed with the packages is made of the schema, is a configuration, and tells the defaults as
 * they are. `npm run docs` writes it.
 */
import { join } from "node:path";
import { checkConfig } from "@ocir-broker/config/load";
import { configSchema } from "@ocir-broker/config/schema";
import { type ConfigKey, describeConfigKeys } from "@ocir-broker/config/test/config-keys";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { FILES } from "./contents/installed-tree.ts";

const PATH = join(FILES, "config.example.yaml");
const COLUMNS = 118;
const HEAD = `# Settings of ocir-broker, to be copied to /etc/ocir-broker/config.yaml. Every key is here, commented out. A key with a
# default has that value here, the others have an example. The file is optional, and so is each key.
# Check it with \`ocir-broker config check\`. Then \`systemctl reload ocir-broker\` if only keys marked "Reload" have
# changed, \`systemctl restart ocir-broker\` otherwise; tokens stay, and pulls wait in the socket meanwhile.
`;

const example = render(describeConfigKeys());
/** With every key in force: one `#` less on each line of a setting. */
const uncommented = example.replace(/^#(?= {2}# | *[a-zA-Z]+:)/gm, "");

describe("config.example.yaml", () => {
  it("matches the schema", async () => {
    await expect(example).toMatchFileSnapshot(PATH);
  });

  it("changes no setting as installed", () => {
    expect(checkConfig(example)).toEqual(checkConfig(""));
  });

  it("is valid when every key is uncommented", () => {
    expect(checkConfig(uncommented)).toEqual({ config: parse(uncommented) });
  });

  it("shows the real defaults", () => {
    expect(parse(uncommented)).toMatchObject(configSchema.parse({}));
  });
});

function render(keys: readonly ConfigKey[]): string {
  const sections = Map.groupBy(keys, ({ section }) => section);
  return [HEAD, ...[...sections].map(([name, inner]) => `#${name}:\n${inner.map(renderKey).join("")}`)].join("\n");
}

function renderKey({ key, description, default: value, example: shown, isLive }: ConfigKey): string {
  const comment = wrap(`${description} ${isLive ? "Reload." : "Restart."}`).map((line) => `#  # ${line}\n`);
  return `${comment.join("")}#  ${key}: ${stringify(value ?? shown, { collectionStyle: "flow" }).trimEnd()}\n`;
}

function wrap(text: string): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = String(lines.at(-1));
    if (last.length + word.length + 6 > COLUMNS) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}
