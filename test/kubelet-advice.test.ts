/** The kubelet's advice for units as distributions and administrators write them. A program stands for systemctl. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";

const SCRIPT = readFileSync(join(import.meta.dirname, "../packages/installer/kubelet-advice.sh"), "utf8");
const FLAGS = "--image-credential-provider-config=/c.yaml --image-credential-provider-bin-dir=/bin";

it.each<readonly [unit: string, execStart: string, need: string, said: string]>([
  ["on one line", "/usr/bin/kubelet $KUBELET_EXTRA_ARGS", "drop-in", `  Environment="KUBELET_EXTRA_ARGS=${FLAGS}"`],
  [
    "over several lines",
    "/usr/bin/kubelet \\\n  --v=2 \\\n  $KUBELET_EXTRA_ARGS",
    "drop-in",
    `  Environment="KUBELET_EXTRA_ARGS=${FLAGS}"`,
  ],
  [
    "with a comment between its lines",
    "/usr/bin/kubelet \\\n# verbose\n  $KUBELET_EXTRA_ARGS",
    "drop-in",
    `  Environment="KUBELET_EXTRA_ARGS=${FLAGS}"`,
  ],
  ["without the variable", "/usr/bin/kubelet \\\n  --v=2\n# $KUBELET_EXTRA_ARGS", "by-hand", `  ${FLAGS}`],
  ["after a comment with a backslash", "/usr/bin/kubelet\n# a \\\nX=$KUBELET_EXTRA_ARGS", "by-hand", `  ${FLAGS}`],
  ["that has the flags", `/usr/bin/kubelet \\\n  ${FLAGS}`, "restart", "its unit has the flags"],
])("kubelet-advice reads an ExecStart %s", (_, execStart, need, said) => {
  const folder = mkdtempSync("/tmp/ocir-advice-");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const unit = `# /usr/lib/systemd/system/kubelet.service\n[Service]\nExecStart=${execStart}\nRestart=always\n`;
  writeFileSync(join(folder, "systemctl"), `#!/bin/sh\ncat <<'END'\n${unit}END\n`);
  chmodSync(join(folder, "systemctl"), 0o755);
  const script = SCRIPT.replace(/^PATH=/m, `PATH=${folder}:`).replaceAll("/usr/libexec/", `${folder}/`);
  const env = { OCIR_BROKER_KUBELET_NEED: join(folder, "need") };
  const { stdout } = spawnSync("sh", ["-c", script, "sh", "/c.yaml", "/bin"], { encoding: "utf8", env });
  expect(readFileSync(env.OCIR_BROKER_KUBELET_NEED, "utf8").split("\n")[0]).toBe(need);
  expect(stdout).toContain(`kubelet: ${said}`);
});
