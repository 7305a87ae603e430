/** The README is true: every dependency has its reason, and its table of the configuration is the schema's. */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeConfigKeys } from "@ocir-broker/broker";
import { expect, it } from "vitest";
import rootPackage from "../package.json" with { type: "json" };

const ROOT = join(import.meta.dirname, "..");
const README = join(ROOT, "README.md");
const CONFIG_TABLE = /(<!-- config table: .* -->\n)([\s\S]*?)(<!-- end of config table -->)/;

it("README says of every dependency what it is for", () => {
  const readme = readFileSync(README, "utf8");
  const packages = globSync("packages/*/package.json", { cwd: ROOT }).map((path) => readPackage(join(ROOT, path)));
  const names = [rootPackage as Package, ...packages].flatMap((each) =>
    Object.keys({ ...each.dependencies, ...each.devDependencies, ...each.optionalDependencies }),
  );
  const ofOthers = new Set(names.filter((name) => !name.startsWith("@ocir-broker/")));
  const rows = readme.slice(readme.indexOf("| package | what for"));
  expect([...ofOthers].filter((name) => !rows.includes(name))).toEqual([]);
});

it("README's configuration table is the schema's", () => {
  const readme = readFileSync(README, "utf8");
  const rows = describeConfigKeys().map(({ section, key, default: value, description, isLive }) => {
    const shown = value === undefined ? "" : `\`${JSON.stringify(value)}\``;
    return `| \`${section}.${key}\` | ${shown} | ${description} | ${isLive ? "reload" : "restart"} |`;
  });
  const table = `\n| key | default | meaning | takes a |\n|---|---|---|---|\n${rows.join("\n")}\n\n`;
  if (process.env["UPDATE_README"]) writeFileSync(README, readme.replace(CONFIG_TABLE, `$1${table}$3`));
  expect(CONFIG_TABLE.exec(readFileSync(README, "utf8"))?.[2]).toBe(table);
});

interface Package {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readPackage(path: string): Package {
  return JSON.parse(readFileSync(path, "utf8")) as Package;
}
