/** Pages that follow from the code: the reasons of dependencies, the table of the configuration, and a policy statement. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describeConfigKeys } from "@ocir-broker/config/test/config-keys";
import { serviceAccountPolicy } from "@ocir-broker/ocir/service-account-policy";
import { expect, it } from "vitest";
import { isMap, isScalar, type Node, parseDocument, type Scalar, type YAMLMap } from "yaml";
import { expectTables } from "./documentation/generated-table.ts";

const ROOT = join(import.meta.dirname, "..");
const CONFIGURATION = join(ROOT, "docs/reference/configuration.md");

it("docs/dependencies.md has a row for each package that is in a program", () => {
  const page = readFileSync(join(ROOT, "docs/dependencies.md"), "utf8");
  const named = [...page.matchAll(/^\| ([^|]+) \| .* \|$/gm)].slice(1).flatMap(([, names = ""]) => names.split(", "));
  const files = globSync(["package.json", "packages/*/package.json"], { cwd: ROOT });
  const used = files.flatMap((path) => {
    const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(ROOT, path), "utf8"));
    return Object.keys({ ...dependencies, ...optionalDependencies });
  });
  const ofOthers = new Set(used.filter((name) => !name.startsWith("@ocir-broker/")));
  expect(named.sort()).toEqual([...ofOthers].sort());
});

it("docs/reference/configuration.md has the table of the schema", async () => {
  const rows = describeConfigKeys().map(({ section, key, default: value, description, isLive }) => {
    const shown = value === undefined ? "" : `\`${JSON.stringify(value)}\``;
    return `| \`${section}.${key}\` | ${shown} | ${description} | ${isLive ? "reload" : "restart"} |`;
  });
  await expectTables(CONFIGURATION, [
    { name: "config table", titles: ["key", "default", "meaning", "applied by a"], rows },
  ]);
});

it.each(["ocir-broker", "ocir-pull-secrets"])("the chart %s has the table of its values", async (chart) => {
  const folder = join(ROOT, "deploy/helm", chart);
  const { contents } = parseDocument(readFileSync(join(folder, "values.yaml"), "utf8"));
  await expectTables(join(folder, "README.md"), [
    { name: "values", titles: ["value", "default", "meaning"], rows: rowsOf(contents as YAMLMap) },
  ]);
});

it.each([
  ["pull-secrets.md", "ocir-pull"],
  ["service-accounts.md", "puller"],
])("docs/%s has the policy statement that doctor and a resource's status advise", (file, serviceAccount) => {
  const page = readFileSync(join(ROOT, "docs", file), "utf8");
  const places = { cluster: "ocid1.cluster.oc1.iad.example", compartment: "images" };
  const statement = serviceAccountPolicy({ namespace: "shop", serviceAccount, ...places });
  expect(page).toContain(`\n${statement}`);
});

/** A row for each value. A map with a comment of its own is one value. */
function rowsOf(map: YAMLMap, prefix = ""): string[] {
  return map.items.flatMap((pair, index) => {
    const [key, value] = [pair.key as Scalar<string>, pair.value as Node | null];
    const comment = key.commentBefore ?? (index === 0 && prefix !== "" ? map.commentBefore : undefined);
    if (isMap(value) && !value.flow && comment === undefined) return rowsOf(value, `${prefix}${key.value}.`);
    const shown = value === null || (isScalar(value) && value.value === null) ? "" : `\`${JSON.stringify(value)}\``;
    return `| \`${prefix}${key.value}\` | ${shown} | ${(comment ?? "").replace(/\n? /g, " ").trim()} |`;
  });
}
