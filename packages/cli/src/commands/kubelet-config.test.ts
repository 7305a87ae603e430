import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { describe, expect, test } from "vitest";
import { runCommand, trustedFolder } from "../../test/command-run.ts";

const isRoot = process.geteuid?.() === 0;

function makeRunningNode(): string {
  const { root, write, process } = createNodeTree();
  write("/usr/bin/kubelet", "#!/bin/sh\necho Kubernetes v1.33.1\n", 0o755);
  process(40, "0::/system.slice/kubelet.service", ["/usr/bin/kubelet"]);
  return root;
}

const CONFIG = `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: other
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages: ["*.gcr.io"]
  defaultCacheDuration: 0s
`;

const NOT_UTF8 = Buffer.from(`# caf\xE9\n${CONFIG}`, "latin1");

/** Creates files in a directory, together with the programs that they name. */
function makeConfigs(files: Readonly<Record<string, string | Buffer>>): string {
  const root = trustedFolder();
  for (const name of ["bin", "conf"]) mkdirSync(join(root, name));
  for (const name of ["other", "credential-provider-oke"]) writeFileSync(join(root, "bin", name), "", { mode: 0o755 });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, "conf", name), content);
  return root;
}

const kubeletConfig = (command: string, path: string, ...args: string[]) =>
  runCommand("kubelet-config", command, path, "--kubelet-version", "1.37", ...args);

describe("kubelet-config check", () => {
  const check = (root: string, path: string) =>
    kubeletConfig("check", join(root, path), "--bin-dir", join(root, "bin"));

  test("says up to which version the rules are known, and names a missing file first", async () => {
    const root = makeConfigs({ "a.yaml": CONFIG });
    const args = ["--kubelet-version", "1.99", "--bin-dir", join(root, "bin")];
    const { stdout } = await runCommand("kubelet-config", "check", join(root, "conf"), ...args);
    expect(stdout).toContain("a kubelet 1.37 starts with this; the rules of later ones are not known yet");
    expect((await runCommand("kubelet-config", "check", "/nowhere/a.yaml")).stderr).toContain("file-missing");
  });

  test("ignores a subdirectory whatever its name, as the kubelet does", async () => {
    const root = makeConfigs({ "a.yaml": CONFIG });
    mkdirSync(join(root, "conf/b.yaml"));
    expect(await check(root, "conf")).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("a kubelet 1.37 starts with this"),
    });
  });

  test("does not accept a file that is not valid UTF-8", async () => {
    const root = makeConfigs({ "a.yaml": NOT_UTF8 });
    const { exitCode, stdout } = await check(root, "conf/a.yaml");
    expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/^unknown: not-understood: .*a\.yaml:\d: .*\n$/)]);
  });
});

test.runIf(isRoot).each(["merge", "remove"])(
  "kubelet-config, as root, refuses to write with %s below a folder that another user can change",
  async (command) => {
    const root = makeConfigs({ "a.yaml": CONFIG });
    const path = join(root, "conf/a.yaml");
    expect(await kubeletConfig("merge", path, "--write")).toMatchObject({ exitCode: 0 });
    const before = readFileSync(path, "utf8");
    const change = () =>
      command === "merge"
        ? kubeletConfig(command, path, "--write", "--service-accounts", "x")
        : runCommand("kubelet-config", command, path, "--write");
    for (const [uid, mode] of [
      [65_534, 0o755],
      [0, 0o777],
      [0, 0o1777],
    ] as const) {
      chownSync(join(root, "conf"), uid, 0);
      chmodSync(join(root, "conf"), mode);
      const { exitCode, stderr } = await change();
      expect([exitCode, stderr.split(": ")[1], readFileSync(path, "utf8")]).toEqual([1, "path-untrusted", before]);
    }
    chmodSync(join(root, "conf"), 0o755);
    expect(await change()).toMatchObject({ exitCode: 0 });
    expect(readFileSync(path, "utf8")).not.toBe(before);
  },
);

test("kubelet-config remove fails with provider-last when no provider would remain", async () => {
  const root = makeConfigs({});
  const path = join(root, "conf/a.yaml");
  expect(await kubeletConfig("merge", path, "--write")).toMatchObject({ exitCode: 0 });
  expect(await runCommand("kubelet-config", "remove", path)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/^ocir-broker: provider-last: .*a\.yaml: .*; first remove [ -~]+\n$/),
  });
});

test("kubelet-config merge --write ends with the next step, or says that nothing changes", async () => {
  const path = join(makeConfigs({}), "conf/a.yaml");
  const step = "next: systemctl restart kubelet, because it reads this file only at its start";
  expect((await kubeletConfig("merge", path, "--write")).stdout).toBe(`${path} is written; ${step}\n`);
  expect((await kubeletConfig("merge", path, "--write")).stdout).toBe(`${path} needs no change\n`);
});

test("kubelet-config merge refuses an audience that is an option", async () => {
  const { stderr } = await runCommand("kubelet-config", "merge", "/nowhere", "--service-accounts=-x");
  expect(stderr).toMatch(/'-x' is invalid: it is empty, begins with -, /);
});

describe("kubelet-config without --kubelet-version", () => {
  test.each([
    ["check", "a kubelet 1.33 starts with this\n"],
    ["merge", CONFIG],
  ])("uses the version of the node's kubelet to %s", async (command, printed) => {
    const path = join(makeConfigs({ "a.yaml": CONFIG }), "conf/a.yaml");
    const binDir = command === "check" ? ["--bin-dir", join(dirname(path), "../bin")] : [];
    const run = await runCommand("kubelet-config", command, path, ...binDir, "--root", makeRunningNode());
    expect(run).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(printed) });
  });

  test("reports that this node has no kubelet", async () => {
    const path = join(makeConfigs({ "a.yaml": CONFIG }), "conf/a.yaml");
    expect(await runCommand("kubelet-config", "check", path, "--root", "/no/such/root")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/no kubelet of this node reports its version; name one: --kubelet-version/),
    });
  });
});

test.each<[command: string, what: string, text: string | Buffer, why: string]>([
  ["merge", "not YAML", "a: [\n", "line 2: it is not valid YAML"],
  ["remove", "not YAML", "a: [\n", "line 2: it is not valid YAML"],
  ["merge", "not valid UTF-8", NOT_UTF8, "line 1: it has a tab or another character that is not read here"],
])("kubelet-config %s names a file that is %s, without the YAML library's message", async (command, _, text, why) => {
  const path = join(makeConfigs({ "a.yaml": text }), "conf/a.yaml");
  const version = command === "merge" ? ["--kubelet-version", "1.34"] : [];
  const { exitCode, stderr } = await runCommand("kubelet-config", command, path, "--write", ...version);
  expect([exitCode, stderr]).toEqual([
    1,
    `ocir-broker: config-not-editable: ${path}: ${why}; correct the file by hand\n`,
  ]);
});
