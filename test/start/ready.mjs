/**
 * The first program of npm's scripts: ends them with one line if this Node is too old, or if nothing is installed. Plain JavaScript
 * without dependencies, since it runs before anything is installed.
 * usage: node ready.mjs [--installs]   for a script that installs by itself
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const INSTALLED = fileURLToPath(new URL("../../node_modules/.package-lock.json", import.meta.url));

if (Number(process.versions.node.split(".")[0]) < 20)
  fail(`Node ${process.versions.node} is too old: 20 or newer is needed`);
if (!process.argv.includes("--installs") && !existsSync(INSTALLED)) fail("nothing is installed yet: run npm ci");

function fail(reason) {
  console.error(`npm ${process.env.npm_lifecycle_event}: ${reason}`);
  process.exit(1);
}
