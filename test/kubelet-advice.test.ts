/** The kubelet's advice for units as distributions and administrators write them. A program stands for systemctl. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";

const SCRIPT = readFileSync(join(import.meta.dirname, "../packages/installer/kubelet-advice.sh"), "utf8");
const FLAGS = "--image-credential-provider-config=/c.yaml --image-credential-provider-bin-dir=/bin";
const SETTING = `  Environment="KUBELET_EXTRA_ARGS=${FLAGS}"`;

const OWN = "/etc/systemd/system/kubelet.service.d/90-ocir-broker.conf";

it.each<readonly [unit: string, execStart: string, need: string, said: string]>([
  ["on one line", "/usr/bin/kubelet $KUBELET_EXTRA_ARGS", "flags", SETTING],
  ["over several lines", "/usr/bin/kubelet \\\n  --v=2 \\\n  $KUBELET_EXTRA_ARGS", "flags", SETTING],
  ["with a comment between its lines", "/usr/bin/kubelet \\\n# a\n  $KUBELET_EXTRA_ARGS", "flags", SETTING],
  ["without the variable", "/usr/bin/kubelet \\\n  --v=2\n# $KUBELET_EXTRA_ARGS", "by-hand", `  ${FLAGS}`],
  ["after a comment with a backslash", "/usr/bin/kubelet\n# a \\\nX=$KUBELET_EXTRA_ARGS", "by-hand", `  ${FLAGS}`],
  ["that has the flags", `/usr/bin/kubelet \\\n  ${FLAGS}`, "restart", "its unit has the flags"],
])("kubelet-advice reads an ExecStart %s", (_, execStart, need, said) => {
  const { needed, stdout } = advise(
    `# /usr/lib/systemd/system/kubelet.service\n[Service]\nExecStart=${execStart}\nRestart=always\n`,
  );
  expect(needed[0]).toBe(need);
  if (need === "flags") expect(needed.slice(3)).toEqual([OWN, "[Service]", said.trim()]);
  expect(stdout).toContain(`kubelet: ${said}`);
});

it.each<readonly [title: string, before: readonly string[], after: readonly string[]]>([
  [
    "in quotes, with another setting after it",
    ["[Service]", 'Environment="KUBELET_EXTRA_ARGS=--v=2 --x=1"', "Nice=1"],
    ["[Service]", `Environment="KUBELET_EXTRA_ARGS=${FLAGS} --v=2 --x=1"`, "Nice=1"],
  ],
  [
    "twice, with a comment after them",
    [
      "[Service]",
      "Environment=KUBELET_EXTRA_ARGS=--a",
      "Environment=KUBELET_EXTRA_ARGS=--b",
      "# KUBELET_EXTRA_ARGS=--c",
    ],
    [
      "[Service]",
      "Environment=KUBELET_EXTRA_ARGS=--a",
      `Environment="KUBELET_EXTRA_ARGS=${FLAGS} --b"`,
      "# KUBELET_EXTRA_ARGS=--c",
    ],
  ],
  [
    "in the second line of a setting",
    ["[Service]", "Environment=A=1 \\", '  "KUBELET_EXTRA_ARGS="'],
    ["[Service]", "Environment=A=1 \\", `  "KUBELET_EXTRA_ARGS=${FLAGS} "`],
  ],
  [
    "over two lines",
    ["[Service]", "Environment='KUBELET_EXTRA_ARGS=--a \\", "--b'"],
    ["[Service]", `Environment='KUBELET_EXTRA_ARGS=${FLAGS} --a \\`, "--b'"],
  ],
])("kubelet-advice adds the flags to the file of a node that sets KUBELET_EXTRA_ARGS %s", (_, before, after) => {
  const { needed, place } = advise("[Service]\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n", before.join("\n"));
  expect(needed).toEqual(["flags", "/c.yaml", "/bin", place, ...after]);
});

it.each([
  ["--a --b # c", `"${FLAGS} --a --b # c"`],
  ["'--a --b'", `'${FLAGS} --a --b'`],
  ['"--a \\\n--b"', `"${FLAGS} --a \\\n--b"`],
])("kubelet-advice adds the flags to a file of variables with %j", (value, changed) => {
  const unit = "[Service]\nEnvironmentFile=-PLACE\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n";
  const { needed, place } = advise(unit, `KUBELET_EXTRA_ARGS=${value}`);
  expect(needed).toEqual(["flags", "/c.yaml", "/bin", place, ...`KUBELET_EXTRA_ARGS=${changed}`.split("\n")]);
});

it.each([
  ["in a unit", "", "Environment=A=1 KUBELET_EXTRA_ARGS=--b"],
  ["in a file of variables", "EnvironmentFile=PLACE\n", "KUBELET_EXTRA_ARGS=--a \\\n --b"],
])("kubelet-advice changes no line in an unknown form, %s", (_, files, text) => {
  const { needed, stdout } = advise(`[Service]\n${files}ExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n`, text);
  expect([needed, stdout]).toEqual([["by-hand", "/c.yaml", "/bin"], expect.stringContaining("command line")]);
});

/** @param dropIn the text of a file of the unit, on a node on which /etc is at `place`: a drop-in, or what PLACE in the unit names. */
function advise(unit: string, dropIn = "") {
  const folder = temporaryFolder();
  const place = join(folder, "extra-args.conf");
  writeFileSync(place, `${dropIn}\n`);
  const isDropIn = dropIn !== "" && !unit.includes("PLACE");
  const shown = isDropIn ? `${unit}\n# ${place}\n${dropIn}\n` : unit.replace("PLACE", place);
  writeFileSync(join(folder, "systemctl"), `#!/bin/sh\ncat <<'END'\n${shown}END\n`, { mode: 0o755 });
  const script = SCRIPT.replace(/^PATH=/m, `PATH=${folder}:`)
    .replaceAll("/usr/libexec/", `${folder}/`)
    .replaceAll("/etc/*)", `${folder}/*)`);
  const env = { OCIR_BROKER_KUBELET_NEED: join(folder, "need") };
  const { stdout } = spawnSync("sh", ["-c", script, "sh", "/c.yaml", "/bin"], { encoding: "utf8", env });
  const needed = readFileSync(env.OCIR_BROKER_KUBELET_NEED, "utf8").trimEnd().split("\n");
  return { stdout, needed, place };
}
