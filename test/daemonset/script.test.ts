/** cloud-init/daemonset/daemonset.sh with the argument of `helm test`, on a node for which a folder stands. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";

const SCRIPT = join(import.meta.dirname, "../../cloud-init/daemonset/daemonset.sh");

function doctor(program?: string) {
  const folder = temporaryFolder();
  if (program !== undefined) writeFileSync(join(folder, "ocir-broker"), program, { mode: 0o755 });
  const script = readFileSync(SCRIPT, "utf8").replaceAll("/usr/local/bin/ocir-broker", join(folder, "ocir-broker"));
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script, "sh", "doctor"], { encoding: "utf8" });
  return { status, stdout, stderr };
}

it.each([
  [0, 0],
  [1, 1],
  [2, 2],
  [3, 0],
])("daemonset.sh doctor ends a doctor of exit status %i with %i", (given, status) => {
  const program = `#!/bin/sh\necho "$@"\nexit ${given}\n`;
  expect(doctor(program)).toEqual({ status, stdout: "doctor\n", stderr: "" });
});

it("daemonset.sh doctor shows what to wait for on a node without ocir-broker", () => {
  expect(doctor()).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(
      /^ocir-broker-daemonset: .* not on this node yet; .*kubectl get nodes -L ocir-broker\/state.*\n$/,
    ),
  });
});
