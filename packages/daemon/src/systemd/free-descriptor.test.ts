import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

it("hasFreeDescriptor is false while the process has used up its descriptors", () => {
  const script = `
    import { closeSync, openSync } from "node:fs";
    import { hasFreeDescriptor } from ${JSON.stringify(join(import.meta.dirname, "free-descriptor.ts"))};
    const seen = [hasFreeDescriptor()];
    const opened = [];
    try { for (;;) opened.push(openSync("/dev/null")); } catch {}
    seen.push(hasFreeDescriptor());
    closeSync(opened.pop());
    seen.push(hasFreeDescriptor());
    process.stdout.write(JSON.stringify(seen));`;
  const args = ["-c", 'ulimit -n 64; exec "$0" "$@"', process.execPath, "--input-type=module", "--eval", script];
  expect(JSON.parse(execFileSync("/bin/sh", args, { encoding: "utf8" }))).toEqual([true, false, true]);
});
