/** The README is true: its links lead somewhere, its scripts exist, and its table of the configuration is the schema's. */
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { configJsonSchema } from "@ocir-broker/broker";
import { expect, it } from "vitest";
import rootPackage from "../package.json" with { type: "json" };

const ROOT = join(import.meta.dirname, "..");
const README = join(ROOT, "README.md");
const CONFIG_TABLE = /(<!-- config table: .* -->\n)([\s\S]*?)(<!-- end of config table -->)/;

const PAGES = globSync(["*.md", "docs/**/*.md", "cloud-init/**/*.md", "monitoring/*.md"], { cwd: ROOT });

it.each(PAGES)("the links of %s lead to files of this repository", (page) => {
  const text = readFileSync(join(ROOT, page), "utf8");
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target]) => target as string);
  expect(links.filter((target) => !existsSync(join(ROOT, dirname(page), target)))).toEqual([]);
});

it("README's npm scripts exist", () => {
  const scripts = [...readFileSync(README, "utf8").matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name as string);
  expect(scripts.filter((name) => !(name in rootPackage.scripts))).toEqual([]);
});

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
  const table = `\n| key | default | meaning |\n|---|---|---|\n${rowsOf(configJsonSchema() as Schema).join("\n")}\n\n`;
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

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly default?: unknown;
  readonly description?: string;
}

function rowsOf(schema: Schema, path: readonly string[] = []): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const here = [...path, key];
    if (inner.properties !== undefined) return rowsOf(inner, here);
    const shown = inner.default === undefined ? "" : `\`${JSON.stringify(inner.default)}\``;
    return [`| \`${here.join(".")}\` | ${shown} | ${inner.description} |`];
  });
}
