/**
 * Coverage-guided fuzzing (libFuzzer, through Jazzer.js) of everything that reads bytes from outside. A target throws only for a
 * bug; the failure shows the bytes.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { describeUnless } from "../describe-unless.ts";
import { isLongRun } from "../long-run.ts";
import { createSeeds } from "./seeds.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");
/** Below node_modules, so that unbundled packages are found. */
const BUNDLES = join(CHECKOUT, "node_modules/.cache/ocir-broker-fuzz");
const JAZZER = join(dirname(fileURLToPath(import.meta.resolve("@jazzer.js/core"))), "cli.js");

/** Excludes third parties' code, which would dominate the coverage. */
const NOT_BUNDLED = ["zod", "yaml", "undici", "oci-common", "lru-cache", "pino", "prom-client"];

/** The share of the long run's inputs. */
const SHARE = isLongRun ? 1 : 20;

const seeds = await createSeeds();

/** The addon is built for the C library of Debian 13; an older one cannot load it. */
const loading = spawnSync(process.execPath, [JAZZER, "--help"], { encoding: "utf8" });
const tooOld = /version `\S+' not found/.exec(loading.stderr)?.[0];

describeUnless(tooOld, "the fuzzer", () => {
  it.each([
    { target: "request-decoder", runs: 1_000_000 / SHARE, isSync: true, bundled: ["zod"] },
    { target: "request-reader", runs: 300_000 / SHARE, isSync: true },
    { target: "image-name", runs: 1_000_000 / SHARE, isSync: true },
    { target: "config", runs: 300_000 / SHARE, isSync: true },
    { target: "upstream-responses", runs: 300_000 / SHARE, isSync: false },
  ])("$target: $runs inputs, no crash", async ({ target, runs, isSync, bundled = [] }) => {
    const bundle = join(BUNDLES, `${target}.cjs`);
    await build({
      entryPoints: [join(import.meta.dirname, `${target}.fuzz.ts`)],
      outfile: bundle,
      bundle: true,
      platform: "node",
      target: "node26",
      format: "cjs",
      external: NOT_BUNDLED.filter((name) => !bundled.includes(name)),
      logLevel: "error",
    });
    const directory = temporaryFolder();
    const corpus = join(directory, "corpus");
    mkdirSync(corpus);
    for (const [index, seed] of (seeds[target] ?? []).entries()) writeFileSync(join(corpus, `seed-${index}`), seed);

    const jazzer = [JAZZER, bundle, corpus, "-i", target, "-e", "nothing", ...(isSync ? ["--sync"] : [])];
    const libFuzzer = ["--", `-runs=${runs}`, "-seed=1", "-max_len=8192", `-artifact_prefix=${directory}/`];
    const { failed, output } = await run([...jazzer, ...libFuzzer]);
    const [, done = "0", seconds = "?"] = /Done (\d+) runs in (\d+) second/.exec(output) ?? [];
    const coverage = output.match(/cov: \d+ ft: \d+ corp: \S+/g)?.at(-1);
    console.log(`${target}: ${done} inputs in ${seconds} s, ${coverage}`);
    expect(failed, output.slice(-3_000)).toBe(false);
    expect(Number(done)).toBeGreaterThanOrEqual(runs);
  });
});

function run(args: readonly string[]): Promise<{ failed: boolean; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { maxBuffer: 64 * 1_048_576, timeout: 590_000 }, (error, stdout, stderr) =>
      resolve({ failed: error !== null, output: stdout + stderr }),
    );
  });
}
