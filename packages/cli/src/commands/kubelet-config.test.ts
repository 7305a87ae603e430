import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { describe, expect, test } from "vitest";
import { runCommand, trustedFolder } from "../../test/command-run.ts";

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

test.each<[what: string, text: string | Buffer, why: string]>([
  ["not YAML", "a: [\n", "line 2: it is not valid YAML"],
  ["not valid UTF-8", NOT_UTF8, "line 1: it has a tab or another character that is not read here"],
])("kubelet-config merge names a file that is %s, without the YAML library's message", async (_, text, why) => {
  const path = join(makeConfigs({ "a.yaml": text }), "conf/a.yaml");
  const { exitCode, stderr } = await kubeletConfig("merge", path);
  expect([exitCode, stderr]).toEqual([
    1,
    `ocir-broker: config-not-editable: ${path}: ${why}; correct the file by hand\n`,
  ]);
});
