/** `npm run package`: makes a release in dist/packages, or in the folder that is given. */
import { rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Asked, parseArguments, USAGE, warningOf } from "./command-line.ts";
import { INDEX, makeRelease, makeTrial } from "./make-release.ts";
import { prepareOutputFolder } from "./output-folder.ts";
import { CHECKOUT, thisRelease } from "./release.ts";

const DEFAULT_FOLDER = join(CHECKOUT, "dist/packages");
const WORK = join(import.meta.dirname, "../build");

const asked = parseArguments(process.argv.slice(2), DEFAULT_FOLDER);
if ("help" in asked) process.stdout.write(USAGE);
else if ("error" in asked) {
  process.stderr.write(`${USAGE}\n`);
  fail(`${asked.error}\n`, 2);
} else await main(asked);

async function main({ folder, isForHere, baseUrl, apiGroup }: Extract<Asked, { folder: string }>): Promise<void> {
  process.umask(0o022);
  const output = resolve(folder);
  try {
    const release = thisRelease(process.env);
    const { unfinished, finish } = prepareOutputFolder(output, output === DEFAULT_FOLDER);
    rmSync(WORK, { recursive: true, force: true });
    const onStep = (step: string): void =>
      void process.stderr.write(`${(performance.now() / 1_000).toFixed(0).padStart(4)} s  making ${step}\n`);
    const options = { release, baseUrl, apiGroup, output: unfinished, work: WORK, onStep };
    const made = await (isForHere ? makeTrial(options) : makeRelease(options));
    finish();
    for (const name of made) {
      const sizeMb = statSync(join(output, name)).size / 1e6;
      process.stdout.write(`${sizeMb.toFixed(1).padStart(6)} MB  ${join(output, name)}\n`);
    }
    if (isForHere) return;
    process.stdout.write(`${join(output, INDEX)} says what each file is for\n`);
    process.stderr.write(warningOf({ baseUrl, apiGroup }));
  } catch (error) {
    fail(`${error instanceof Error ? error.message : error}\n`, 1);
    // The other target's build may still run.
    process.exit();
  }
}

function fail(message: string, exitCode: 1 | 2): void {
  process.stderr.write(`npm run package: ${message}`);
  process.exitCode = exitCode;
}
