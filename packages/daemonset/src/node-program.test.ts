import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { createNodeProgram } from "./node-program.ts";

const FILES = { config: "/c.yaml", binDir: "/bin" };

function programIn(output: string, serviceAccounts?: string, config?: string) {
  const image = temporaryFolder();
  const folder = join(image, "ocir-broker/ocir-broker-1.2.3-linux-amd64");
  const program = join(folder, "ocir-broker");
  mkdirSync(dirname(program), { recursive: true });
  writeFileSync(program, `#!/bin/sh\necho "$LD_LIBRARY_PATH: $@" >&2\n${output}\n`, { mode: 0o755 });
  const said: string[] = [];
  return {
    folder,
    libraries: join(image, "ocir-broker"),
    said,
    program: createNodeProgram(
      { image, leaseSeconds: 60, serviceAccounts, config, say: (line) => said.push(line) },
      image,
      async () => 5,
    ),
  };
}

it.each([
  ["the image's build", "a", "a", true],
  ["another build of the version", "b", "a", false],
  ["a package's files", undefined, "a", true],
])("NodeProgram.look recognises %s", async (_what, ofNode, ofImage, isAsWanted) => {
  const need = { kind: "nothing" };
  const status = { ok: true, version: "1.2.3", steps: [], flags: FILES, kubelet: need };
  const { program, folder, libraries } = programIn("");
  const node = join(libraries, "../usr/libexec/ocir-broker/current");
  mkdirSync(node, { recursive: true });
  writeFileSync(join(node, "ocir-broker"), `#!/bin/sh\necho '${JSON.stringify(status)}'\n`, { mode: 0o755 });
  writeFileSync(join(libraries, "..", FILES.config), "- name: credential-provider-oke");
  for (const [at, list] of [
    [node, ofNode],
    [folder, ofImage],
  ] as const)
    if (list !== undefined) writeFileSync(join(at, "SHA256SUMS"), list);
  expect(await program.look()).toMatchObject({ isAsWanted, isThere: true, need, flags: FILES, kubeletStartMs: 5 });
});

it.each([
  [undefined, undefined, "", ""],
  ["ocir", undefined, " --service-accounts=ocir", ""],
  [undefined, "a: 1\n", " --config -", "a: 1"],
  [undefined, "{}", " --config -", ""],
])(
  "NodeProgram.install installs the image's archive, and connects the kubelet with the audience %j and the configuration %j",
  async (audience, config, options, given) => {
    const result = { ok: true, version: "1.2.3", steps: [], flags: FILES };
    const output = `echo "given: $(cat)" >&2; echo '${JSON.stringify(result)}'`;
    const { program, folder, libraries, said } = programIn(output, audience, config);
    expect(await program.install(undefined)).toEqual(result);
    expect(program.version).toBe("1.2.3");
    const command = `node install --from ${folder} --connect${options} --output json`;
    expect(said).toEqual([`${libraries}: ${command}`, `given: ${given}`]);
  },
);

it.each([
  ["1.2.3", undefined, true],
  ["1.2.3", "sums of an archive", false],
  ["1.2.2", undefined, false],
])(
  "NodeProgram.install with version %s and %j on the node only connects a package of its version: %s",
  async (...row) => {
    const [found, sums, isConnectedOnly] = row;
    const { program, folder, libraries, said } = programIn("exit 1");
    const node = join(libraries, "../usr/libexec/ocir-broker/current");
    cpSync(folder, node, { recursive: true });
    if (sums !== undefined) writeFileSync(join(node, "SHA256SUMS"), sums);
    await program.install(found);
    const command = isConnectedOnly ? ": node install" : `${libraries}: node install --from ${folder}`;
    expect(said).toEqual([`${command} --connect --output json`]);
  },
);

it("NodeProgram.look finds nothing on a node without ocir-broker", async () => {
  const { program } = programIn("");
  expect(await program.look()).toMatchObject({
    isDisabled: false,
    isThere: false,
    isAsWanted: false,
    need: undefined,
    summary: "ocir-broker is not installed",
  });
});

it("NodeProgram restarts the kubelet with flags of these paths, and without them", async () => {
  const { program, folder, libraries, said } = programIn("exit 1");
  const node = join(libraries, "../usr/libexec/ocir-broker/current");
  mkdirSync(node, { recursive: true });
  cpSync(join(folder, "ocir-broker"), join(node, "ocir-broker"));
  await program.connect(FILES, 20);
  await program.disconnect(20);
  const restart = "--kubelet-flags --restart --limit 20 --output json";
  expect(said).toEqual([
    `: node connect --kubelet-config /c.yaml --bin-dir /bin ${restart}`,
    `: node disconnect ${restart}`,
  ]);
});
