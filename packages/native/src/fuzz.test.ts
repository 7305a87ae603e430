/** libFuzzer with sanitizers on the shim's inputs: short runs with a fixed seed. For longer ones, run what `make fuzz` builds. */
import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, test } from "vitest";
import { builtPath, FUZZ_TARGET, make } from "../test/native-builds.ts";

const FUZZ = fileURLToPath(new URL("../fuzz", import.meta.url));

const RUNS = 100_000;
const TITLE = `http_response_read gives one verdict however its bytes are cut, within its limits (${FUZZ_TARGET.title})`;

test.skipIf(FUZZ_TARGET.lacking !== undefined)(TITLE, { timeout: 120_000 }, () => {
  make("fuzz");
  const corpus = temporaryFolder();
  cpSync(join(FUZZ, "seeds"), corpus, { recursive: true });
  const { status, stderr } = spawnSync(
    builtPath("http-response-fuzz"),
    [`-runs=${RUNS}`, "-seed=1", "-max_len=90000", `-dict=${join(FUZZ, "http.dict")}`, corpus],
    { cwd: corpus, encoding: "utf8" },
  );
  expect(status, stderr.slice(-4_000)).toBe(0);
  expect(stderr).toContain(`Done ${RUNS} runs`);
});
