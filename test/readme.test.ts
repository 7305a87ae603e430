/** Pages that follow from the code: the reasons of dependencies, the table of the configuration, and a policy statement. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describeConfigKeys } from "@ocir-broker/config/test/config-keys";
import { serviceAccountPolicy } from "@ocir-broker/ocir/service-account-policy";
import { expect, it } from "vitest";
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
    return `| \`${section}.${key}\` | ${shown} | ${description}${isLive ? " *Reload*." : ""} |`;
  });
  await expectTables(CONFIGURATION, [{ name: "config table", titles: ["key", "default", "meaning"], rows }]);
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
