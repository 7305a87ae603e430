/** The kubelet's need for units as distributions and administrators write them. */
import { expect, test } from "vitest";
import { createNodeTree } from "../test/node-tree.ts";
import { printed } from "../test/program-double.ts";
import { kubeletAdvice, kubeletNeed, readKubeletUse } from "./kubelet-need.ts";
import { CONFIG_FLAG, changedText, OWN_DROP_IN } from "./kubelet-unit.ts";
import { createNodeFiles } from "./node-files.ts";

const PATHS = { config: "/c.yaml", binDir: "/bin" };
const FLAGS = "--image-credential-provider-config=/c.yaml --image-credential-provider-bin-dir=/bin";
const SETTING = `  Environment="KUBELET_EXTRA_ARGS=${FLAGS}"`;
const PACKAGED = "/usr/lib/systemd/system/kubelet.service";
const DROP_IN = "/etc/systemd/system/kubelet.service.d/extra-args.conf";
const VARIABLES = "/etc/default/kubelet";

test.each<readonly [unit: string, execStart: string, kind: string, said: string]>([
  ["on one line", "/usr/bin/kubelet $KUBELET_EXTRA_ARGS", "flags", SETTING],
  ["over several lines", "/usr/bin/kubelet \\\n  --v=2 \\\n  $KUBELET_EXTRA_ARGS", "flags", SETTING],
  ["with a comment between its lines", "/usr/bin/kubelet \\\n# a\n  $KUBELET_EXTRA_ARGS", "flags", SETTING],
  ["without the variable", "/usr/bin/kubelet \\\n  --v=2\n# $KUBELET_EXTRA_ARGS", "by-hand", `  ${FLAGS}`],
  ["after a comment with a backslash", "/usr/bin/kubelet\n# a \\\nX=$KUBELET_EXTRA_ARGS", "by-hand", `  ${FLAGS}`],
  ["that has the flags", `/usr/bin/kubelet \\\n  ${FLAGS}`, "restart", "its unit has the flags"],
  ["with the flags in a comment", `/usr/bin/kubelet\n# ${FLAGS}`, "by-hand", `  ${FLAGS}`],
])("kubeletNeed reads an ExecStart %s", async (_, execStart, kind, said) => {
  const { need, advice, changed } = await needOf({ [PACKAGED]: `[Service]\nExecStart=${execStart}\nRestart=always\n` });
  expect(need.kind).toBe(kind);
  if (kind === "flags") expect(changed).toEqual([OWN_DROP_IN, "[Service]", said.trim(), ""]);
  expect(advice).toContain(`kubelet: ${said}`);
});

test.each<readonly [title: string, before: readonly string[], after: readonly string[]]>([
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
])("kubeletNeed adds the flags to the file of a node that sets KUBELET_EXTRA_ARGS %s", async (_, before, after) => {
  const files = { [PACKAGED]: "[Service]\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n", [DROP_IN]: lines(before) };
  const { changed } = await needOf(files);
  expect(changed).toEqual([DROP_IN, ...after, ""]);
});

test.each([
  ["--a --b # c", `"${FLAGS} --a --b # c"`],
  ["'--a --b'", `'${FLAGS} --a --b'`],
  ['"--a \\\n--b"', `"${FLAGS} --a \\\n--b"`],
])("kubeletNeed adds the flags to a file of variables with %j", async (value, changedValue) => {
  const unit = `[Service]\nEnvironmentFile=-${VARIABLES}\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n`;
  const { changed } = await needOf({ [PACKAGED]: unit, [VARIABLES]: `KUBELET_EXTRA_ARGS=${value}\n` });
  expect(changed).toEqual([VARIABLES, ...`KUBELET_EXTRA_ARGS=${changedValue}`.split("\n"), ""]);
});

test.each([
  ["in a unit", DROP_IN, "[Service]\nEnvironment=A=1 KUBELET_EXTRA_ARGS=--b"],
  ["in a file of variables", VARIABLES, "KUBELET_EXTRA_ARGS=--a \\\n --b"],
])("kubeletNeed changes no line in an unknown form, %s", async (_, place, text) => {
  const unit = `[Service]\nEnvironmentFile=${VARIABLES}\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n`;
  const { need, advice } = await needOf({ [PACKAGED]: unit, [place]: `${text}\n` });
  expect([need.kind, advice]).toEqual(["by-hand", expect.stringContaining("command line")]);
});

test("kubeletNeed reads the unit as systemd does at its next reload, not as systemd has read it", async () => {
  const unit = "[Service]\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n";
  const dropIns = "/usr/lib/systemd/system/kubelet.service.d";
  const replaced = { [`${dropIns}/extra-args.conf`]: "[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--replaced\n" };
  const first = { [`${dropIns}/00-first.conf`]: "[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--first\n" };
  const last = { [DROP_IN]: "[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--last\n" };
  const { changed } = await needOf({ [PACKAGED]: unit, ...last, ...first, ...replaced });
  expect(changed.slice(0, 3)).toEqual([DROP_IN, "[Service]", `Environment="KUBELET_EXTRA_ARGS=${FLAGS} --last"`]);
  const { need } = await needOf({ [PACKAGED]: unit, [OWN_DROP_IN]: `[Service]\n${SETTING.trim()}\n` });
  expect(need).toEqual({ kind: "restart", because: "flags" });
});

test.each([
  ["with a blank, in quotes", "/etc/a b.yaml", `"KUBELET_EXTRA_ARGS='${CONFIG_FLAG}=/etc/a b.yaml' `],
  ["that systemd would expand, by hand", "/etc/%n.yaml", undefined],
])("kubeletNeed writes a path %s", async (_, config, text) => {
  const unit = "[Service]\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n";
  const { changed } = await needOf({ [PACKAGED]: unit }, { config, binDir: "/bin" });
  expect(changed[2]).toEqual(text === undefined ? undefined : expect.stringContaining(text));
});

test("kubeletNeed finds nothing to do only when the kubelet has started after the last change of its configuration", () => {
  const needAt = (changedAtMs: number, startedAtMs: number) =>
    kubeletNeed({
      paths: PATHS,
      changedAtMs,
      process: { startedAtMs, flags: "these" },
      unit: { parts: [], variables: [] },
    });
  expect(needAt(5_000.9, 5_000)).toEqual({ kind: "nothing" });
  expect(needAt(5_011, 5_000)).toEqual({ kind: "restart", because: "configuration" });
});

test.each([
  ["started after its configuration", `${CONFIG_FLAG}=/c.yaml`, 200, { kind: "nothing" }],
  ["started before its configuration", `${CONFIG_FLAG}=/c.yaml`, 50, { kind: "restart", because: "configuration" }],
  ["names another configuration", `${CONFIG_FLAG}=/other.yaml`, 200, { kind: "by-hand" }],
  ["has one of the flags", "--v=2", 200, { kind: "flags", change: expect.objectContaining({ file: OWN_DROP_IN }) }],
])("readKubeletUse reads a process that %s", async (_, flag, startedAfterBootSeconds, expected) => {
  const tree = createNodeTree();
  tree.write("/c.yaml", "");
  tree.process(7, "0::/system.slice/kubelet.service", ["kubelet", flag, "--image-credential-provider-bin-dir=/bin"]);
  const fields = `S ${"0 ".repeat(18)}${startedAfterBootSeconds * 100} 0`;
  tree.write("/proc/7/stat", `7 (kube) let) ${fields}`);
  tree.write(PACKAGED, "[Service]\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n");
  const files = createNodeFiles(tree.root);
  const use = await readKubeletUse(PATHS, files, async () => printed(""), Date.now() - 100_000);
  expect(kubeletNeed(use)).toEqual(expected);
});

/** @param written files of the node. */
async function needOf(written: Readonly<Record<string, string>>, paths = PATHS) {
  const tree = createNodeTree();
  for (const [path, text] of Object.entries(written)) tree.write(path, text);
  const files = createNodeFiles(tree.root);
  const use = await readKubeletUse(paths, files, async () => printed(""), 0);
  const need = kubeletNeed(use);
  const change = need.kind === "flags" ? need.change : undefined;
  return {
    need,
    advice: kubeletAdvice(need, paths).join("\n"),
    changed: change === undefined ? [] : [change.file, ...changedText(use.unit, change).split("\n")],
  };
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}
