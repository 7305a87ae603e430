/** The kubelet's need for units as distributions and administrators write them. */
import type { KubeletFiles } from "@ocir-broker/protocol/node-result";
import { expect, test } from "vitest";
import { createNodeTree } from "../test/node-tree.ts";
import { printed } from "../test/program-double.ts";
import { kubeletAdvice, removalAdvice } from "./kubelet-advice.ts";
import { kubeletNeed, readKubeletUse } from "./kubelet-need.ts";
import { CONFIG_FLAG, changedText, OWN_DROP_IN } from "./kubelet-unit.ts";
import { createNodeFiles } from "./node-files.ts";

const PATHS = { config: "/c.yaml", binDir: "/bin" };
const FLAGS = "--image-credential-provider-config=/c.yaml --image-credential-provider-bin-dir=/bin";
const SETTING = `  Environment="KUBELET_EXTRA_ARGS=${FLAGS}"`;
const PACKAGED = "/usr/lib/systemd/system/kubelet.service";
const DROP_IN = "/etc/systemd/system/kubelet.service.d/extra-args.conf";
const VARIABLES = "/etc/default/kubelet";
const UNIT = "[Service]\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n";
const PLUGIN = "/bin/credential-provider-oke";
const CONFIG = `kind: CredentialProviderConfig
apiVersion: kubelet.config.k8s.io/v1
providers:
  - name: credential-provider-oke
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["*.ocir.io", "ocir.*.oci.*.*"]
    defaultCacheDuration: 0s
`;

test.each<readonly [unit: string, execStart: string, kind: string, said: string]>([
  ["on one line", "/usr/bin/kubelet $KUBELET_EXTRA_ARGS", "flags", SETTING],
  ["over several lines", "/usr/bin/kubelet \\\n  --v=2 \\\n  $KUBELET_EXTRA_ARGS", "flags", SETTING],
  ["with a comment between its lines", "/usr/bin/kubelet \\\n# a\n  $KUBELET_EXTRA_ARGS", "flags", SETTING],
  ["without the variable", "/usr/bin/kubelet \\\n  --v=2\n# $KUBELET_EXTRA_ARGS", "by-hand", `  ${FLAGS}`],
  ["after a comment with a backslash", "/usr/bin/kubelet\n# a \\\nX=$KUBELET_EXTRA_ARGS", "by-hand", `  ${FLAGS}`],
  ["with the variable as one argument", `/usr/bin/kubelet \${KUBELET_EXTRA_ARGS}`, "by-hand", `  ${FLAGS}`],
  ["that has the flags", `/usr/bin/kubelet \\\n  ${FLAGS}`, "restart", "its unit has the flags"],
  [
    "that has one of the flags",
    `/usr/bin/kubelet $KUBELET_EXTRA_ARGS ${CONFIG_FLAG}=/c.yaml`,
    "flags",
    '  Environment="KUBELET_EXTRA_ARGS=--image-credential-provider-bin-dir=/bin"',
  ],
  ["with the flags in a comment", `/usr/bin/kubelet\n# ${FLAGS}`, "by-hand", `  ${FLAGS}`],
])("kubeletNeed reads an ExecStart %s", async (_, execStart, kind, said) => {
  const { need, advice, changed } = await needOf({ [PACKAGED]: `[Service]\nExecStart=${execStart}\nRestart=always\n` });
  expect(need.kind).toBe(kind);
  if (kind === "flags") expect(changed).toEqual([OWN_DROP_IN, "[Service]", said.trim(), ""]);
  expect(advice).toContain(`kubelet: ${said}`);
});

test.each<readonly [title: string, before: string, after: string]>([
  [
    "in quotes, with another setting after it",
    'Environment="KUBELET_EXTRA_ARGS=--v=2 --x=1"\nNice=1',
    `Environment="KUBELET_EXTRA_ARGS=${FLAGS} --v=2 --x=1"\nNice=1`,
  ],
  [
    "twice, with a comment after them",
    "Environment=KUBELET_EXTRA_ARGS=--a\nEnvironment=KUBELET_EXTRA_ARGS=--b\n# KUBELET_EXTRA_ARGS=--c",
    `Environment=KUBELET_EXTRA_ARGS=--a\nEnvironment="KUBELET_EXTRA_ARGS=${FLAGS} --b"\n# KUBELET_EXTRA_ARGS=--c`,
  ],
  [
    "in the second line of a setting",
    'Environment=A=1 \\\n  "KUBELET_EXTRA_ARGS="',
    `Environment=A=1 \\\n  "KUBELET_EXTRA_ARGS=${FLAGS} "`,
  ],
  [
    "over two lines",
    "Environment='KUBELET_EXTRA_ARGS=--a \\\n--b'",
    `Environment='KUBELET_EXTRA_ARGS=${FLAGS} --a \\\n--b'`,
  ],
  [
    "after a blank",
    ' Environment="KUBELET_EXTRA_ARGS=--a --b" B=1',
    `Environment="KUBELET_EXTRA_ARGS=${FLAGS} --a --b" B=1`,
  ],
  ["with blanks around =", "Environment = KUBELET_EXTRA_ARGS=--a", `Environment="KUBELET_EXTRA_ARGS=${FLAGS} --a"`],
])("kubeletNeed adds the flags to the file of a node that sets KUBELET_EXTRA_ARGS %s", async (_, before, after) => {
  const { changed } = await needOf({ [PACKAGED]: UNIT, [DROP_IN]: `[Service]\n${before}\n` });
  expect(changed).toEqual([DROP_IN, "[Service]", ...after.split("\n"), ""]);
});

test.each([
  ["KUBELET_EXTRA_ARGS=--a --b # c", `"${FLAGS} --a --b # c"`],
  ["KUBELET_EXTRA_ARGS='--a --b'", `'${FLAGS} --a --b'`],
  ['KUBELET_EXTRA_ARGS="--a \\\n--b"', `"${FLAGS} --a \\\n--b"`],
  [' KUBELET_EXTRA_ARGS = "--a --b"', `"${FLAGS} --a --b"`],
])("kubeletNeed adds the flags to a file of variables with %j", async (setting, changedValue) => {
  const unit = `[Service]\nEnvironmentFile=-${VARIABLES}\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n`;
  const { changed } = await needOf({ [PACKAGED]: unit, [VARIABLES]: `${setting}\n` });
  expect(changed).toEqual([VARIABLES, ...`KUBELET_EXTRA_ARGS=${changedValue}`.split("\n"), ""]);
});

test.each([
  ["in a unit", DROP_IN, "[Service]\nEnvironment=A=1 KUBELET_EXTRA_ARGS=--b"],
  ["on the second line of a setting", DROP_IN, "[Service]\nEnvironment=A=1 \\\n# a\nKUBELET_EXTRA_ARGS=--b B=1"],
  ["in a file of variables", VARIABLES, "KUBELET_EXTRA_ARGS=--a \\\n --b"],
  [
    "or one that replaces ours",
    "/usr/lib/systemd/system/kubelet.service.d/extra.conf",
    "[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--b",
  ],
])("kubeletNeed changes no line in an unknown form, %s", async (_, place, text) => {
  const unit = `[Service]\nEnvironmentFile=${VARIABLES}\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n`;
  const { need, advice } = await needOf({ [PACKAGED]: unit, [place]: `${text}\n` });
  expect([need.kind, advice]).toEqual(["by-hand", expect.stringContaining("command line")]);
});

test("kubeletNeed reads the unit as systemd does at its next reload, not as systemd has read it", async () => {
  const dropIns = "/usr/lib/systemd/system/kubelet.service.d";
  const replaced = { [`${dropIns}/extra-args.conf`]: "[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--replaced\n" };
  const first = { [`${dropIns}/00-first.conf`]: "[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--first\n" };
  const last = { [DROP_IN]: "[Service]\nEnvironment=KUBELET_EXTRA_ARGS=--last\n" };
  const { changed } = await needOf({ [PACKAGED]: UNIT, ...last, ...first, ...replaced });
  expect(changed.slice(0, 3)).toEqual([DROP_IN, "[Service]", `Environment="KUBELET_EXTRA_ARGS=${FLAGS} --last"`]);
  const { need } = await needOf({ [PACKAGED]: UNIT, [OWN_DROP_IN]: `[Service]\n${SETTING.trim()}\n` });
  expect(need).toEqual({ kind: "restart", because: "flags" });
});

const FIRST = DROP_IN.replace("extra", "10");
const SET = SETTING.trim();

test.each([
  ["a command line", `ExecStart=/k ${FLAGS}`, FIRST, "ExecStart=\nExecStart=/k $KUBELET_EXTRA_ARGS", "flags"],
  ["variables", SET, FIRST, " Environment = ", "flags"],
  ["variables after our file", SET, DROP_IN, "Environment=", "by-hand"],
  ["a file of variables", `EnvironmentFile=${VARIABLES}`, FIRST, "EnvironmentFile=", "flags"],
  ["variables, which it sets again", SET, DROP_IN, `Environment=A=1\nEnvironment=\n${SET}`, "restart"],
])("kubeletNeed does not count flags if a drop-in resets %s", async (_, setting, place, dropIn, kind) => {
  const variables = { [VARIABLES]: `KUBELET_EXTRA_ARGS=${FLAGS}\n` };
  const { need, changed } = await needOf({ [PACKAGED]: `${UNIT}${setting}\n`, [place]: dropIn, ...variables });
  expect(need.kind).toBe(kind);
  if (kind === "flags") expect(changed).toEqual([OWN_DROP_IN, "[Service]", SET, ""]);
});

test.each([
  ["with a blank, in quotes", "/etc/a b.yaml", `"KUBELET_EXTRA_ARGS='${CONFIG_FLAG}=/etc/a b.yaml' `],
  ["that systemd would expand, by hand", "/etc/%n.yaml", undefined],
])("kubeletNeed writes a path %s", async (_, config, text) => {
  const { changed } = await needOf({ [PACKAGED]: UNIT, [config]: CONFIG }, { paths: { config, binDir: "/bin" } });
  expect(changed[2]).toEqual(text === undefined ? undefined : expect.stringContaining(text));
});

/** As `oke bootstrap` of an Ubuntu image writes them. */
const OKE_DROP_IN = "/etc/systemd/system/kubelet.service.d/00-default.conf";
const OKE_VARIABLES = "/etc/sysconfig/kubelet";

test.each([
  ["the drop-in file, if the unit does not name the file of variables", "", OKE_DROP_IN],
  ["the file of variables, if the unit names it", `EnvironmentFile=-${OKE_VARIABLES}\n`, OKE_VARIABLES],
])("kubeletNeed adds the flags of an Ubuntu image of OKE to %s", async (_, named, place) => {
  const files = {
    [PACKAGED]: `${UNIT}${named}`,
    [OKE_DROP_IN]: '[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--node-ip=10.0.0.2"\n',
    [OKE_VARIABLES]: 'KUBELET_EXTRA_ARGS="--fail-swap-on=false"\n',
  };
  const { changed } = await needOf(files);
  expect(changed[0]).toBe(place);
  expect((await needOf({ ...files, [place]: changed.slice(1).join("\n") })).need).toMatchObject({ kind: "restart" });
  // Flags in the other file have no effect.
  const other = place === OKE_DROP_IN ? OKE_VARIABLES : OKE_DROP_IN;
  const elsewhere = {
    [other]: files[other]?.replace('ARGS="', `ARGS="${FLAGS} `).replace("ARGS=--n", `ARGS=${FLAGS} --n`) ?? "",
  };
  expect((await needOf({ ...files, ...elsewhere })).need).toMatchObject({ kind: "flags", why: "none" });
});

const NEEDS_FLAGS = { kind: "flags", why: "none", change: expect.objectContaining({ file: OWN_DROP_IN }) };
const OTHER_FLAGS = FLAGS.replace("/c.", "/other.");
const BY_HAND = { kind: "by-hand", why: "others" };
const NO_FILE = { kind: "connect", lack: { kind: "file" } };
const NOT_CONNECTED = { kind: "connect", lack: { kind: "connection" } };
const NO_ENTRY = { kind: "connect", lack: { kind: "entry" } };
const NO_PLUGIN = {
  kind: "connect",
  lack: { kind: "error", reason: expect.stringContaining("provider-executable-missing") },
};
const UNCLEAR = {
  kind: "connect",
  lack: { kind: "unclear", reason: expect.stringMatching(/mode 777; make|not-understood: .*; write/) },
};
const ANCHOR = { "/c.yaml": CONFIG.replace("name: ", "name: &a ") };
const LATER = { kind: "restart", because: "configuration" };
const WITHOUT = { kind: "restart", because: "flags" };
/** The process has them in its environment only. */
const UNUSED = { [DROP_IN]: `[Service]\n${SETTING}\n`, "/proc/7/environ": `A=1\0KUBELET_EXTRA_ARGS=${FLAGS}\0` };
const THEIRS = { "/c.yaml": CONFIG.replace("-oke", "-x"), "/bin/credential-provider-x": "" };

test.each<[what: string, kubelet: NonNullable<Parameters<typeof needOf>[1]>, expected: object]>([
  ["started after its configuration", { flags: FLAGS }, { kind: "nothing" }],
  ["started before its configuration", { flags: FLAGS, startedAt: 50, unit: FLAGS }, LATER],
  ["has no unit, and an older start", { flags: FLAGS, startedAt: 50, files: { [PACKAGED]: undefined } }, LATER],
  ["still has flags that its unit has lost", { flags: FLAGS, startedAt: 50 }, NEEDS_FLAGS],
  ["was started without the flags of its unit", { unit: FLAGS }, WITHOUT],
  ["was started without the flags of a setting", { files: { [DROP_IN]: UNUSED[DROP_IN] } }, WITHOUT],
  ["does not use the setting of its unit", { files: UNUSED }, { ...BY_HAND, why: "none" }],
  ["would be started with other flags", { flags: FLAGS, startedAt: 50, unit: OTHER_FLAGS }, BY_HAND],
  ["names another configuration", { flags: OTHER_FLAGS }, BY_HAND],
  ["has no flags", {}, NEEDS_FLAGS],
  ["would get one of its flags", { flags: FLAGS, unit: `${CONFIG_FLAG}=/c.yaml` }, { ...NEEDS_FLAGS, why: "one" }],
  ["is not connected", { files: { "/c.yaml": undefined } }, NOT_CONNECTED],
  ["was disconnected", { flags: FLAGS, files: { "/c.yaml": undefined } }, NOT_CONNECTED],
  ["is not connected, but would get the flags", { unit: FLAGS, files: { "/c.yaml": undefined } }, NO_FILE],
  ["has lost its configuration", { flags: FLAGS, unit: FLAGS, files: { "/c.yaml": undefined } }, NO_FILE],
  ["has another credential provider", { flags: FLAGS, startedAt: 50, files: THEIRS }, NO_ENTRY],
  ["cannot start its plugin", { flags: FLAGS, files: { [PLUGIN]: undefined } }, NO_PLUGIN],
  ["would not start again", { flags: FLAGS, startedAt: 50, files: { [PLUGIN]: undefined } }, NO_PLUGIN],
  [
    "may start: root does not read the file",
    { flags: undefined, unit: FLAGS, mode: 0o777 },
    { ...UNCLEAR, isStopped: true },
  ],
  ["may start: we do not understand the file", { flags: FLAGS, startedAt: 50, files: ANCHOR }, UNCLEAR],
  ["does not run, and has its flags", { flags: undefined, unit: FLAGS }, { ...WITHOUT, isStopped: true }],
  ["does not run, and has no flags", { flags: undefined }, { ...NEEDS_FLAGS, isStopped: true }],
  ["cannot run", { flags: undefined, unit: FLAGS, files: { "/c.yaml": undefined } }, { ...NO_FILE, isStopped: true }],
])("kubeletNeed of a kubelet that %s", async (_, kubelet, expected) => {
  const { need, advice } = await needOf({}, kubelet);
  expect(need).toEqual(expected);
  // A restart is advised only if the kubelet starts then.
  expect(advice.includes("systemctl restart")).toBe(need.kind !== "connect" && need.kind !== "nothing");
  expect(advice.includes("do not restart it")).toBe("lack" in need && need.lack.kind === "error");
  expect(advice.startsWith("kubelet: it does not run\n")).toBe("flags" in kubelet && kubelet.flags === undefined);
});

test.each([
  ["was restarted without them", ""],
  ["still runs with them", FLAGS],
])("kubeletNeed names the command that adds lost flags again to a kubelet that %s", async (_, flags) => {
  const { need, advice } = await needOf({}, { flags, hadFlags: true });
  expect(need).toEqual({ ...NEEDS_FLAGS, why: "lost" });
  expect(advice).toMatch(/are gone, .* second oke bootstrap .*run: ocir-broker node connect --kubelet-flags$/);
});

test("removalAdvice is none for a kubelet that has read what stays, its flags too", async () => {
  expect((await needOf({}, { flags: FLAGS, unit: FLAGS, hadFlags: true })).removal).toEqual([]);
});

/** @param written files of the node, which is connected, with a kubelet that is not, unless they and the options say otherwise. */
async function needOf(
  written: Readonly<Record<string, string>>,
  {
    paths = PATHS,
    unit = "",
    files: others = {},
    startedAt = 200,
    mode = 0o755,
    hadFlags = false,
    ...process
  }: {
    paths?: KubeletFiles;
    /** The flags of the unit's command line. */
    unit?: string;
    files?: Readonly<Record<string, string | undefined>>;
    /** Of the process; undefined: none runs. */
    flags?: string | undefined;
    /** Seconds after the boot. The files are 100 seconds old then. */
    startedAt?: number;
    /** Of each file. */
    mode?: number;
    hadFlags?: boolean;
  } = {},
) {
  const { flags } = { flags: "", ...process };
  const tree = createNodeTree();
  const execStart = `[Service]\nExecStart=/usr/bin/kubelet ${unit} $KUBELET_EXTRA_ARGS\n`;
  const all = { "/c.yaml": CONFIG, [PLUGIN]: "", [PACKAGED]: execStart, ...others, ...written };
  for (const [path, text] of Object.entries(all)) if (text !== undefined) tree.write(path, text, mode);
  if (flags !== undefined) {
    tree.process(7, "0::/system.slice/kubelet.service", ["kubelet", ...flags.split(" ")]);
    tree.write("/proc/7/stat", `7 (kube) let) S ${"0 ".repeat(18)}${startedAt * 100} 0`);
  }
  const files = createNodeFiles(tree.root);
  const use = await readKubeletUse(paths, files, async () => printed(""), Date.now() - 100_000);
  const need = kubeletNeed(use, hadFlags);
  const change = need.kind === "flags" ? need.change : undefined;
  return {
    need,
    advice: kubeletAdvice(need, paths).join("\n"),
    removal: removalAdvice(use, hadFlags),
    changed: change === undefined ? [] : [change.file, ...changedText(use.unit, change).split("\n")],
  };
}
