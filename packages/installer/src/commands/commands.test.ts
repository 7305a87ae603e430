/** What a person notices of the commands, on a node below a folder. With a real systemd: test/system/install.test.ts. */
import fs from "node:fs";
import { dirname, join } from "node:path";
import { checkCredentialProviderConfig } from "@ocir-broker/kubelet-config/checking/check";
import { readCredentialProviderFiles } from "@ocir-broker/node/credential-provider-files";
import { OWN_DROP_IN } from "@ocir-broker/node/kubelet-unit";
import type { RunProgram } from "@ocir-broker/node/program-run";
import { printed } from "@ocir-broker/node/test/program-double";
import { BROKER_PROGRAM, DISABLED_FILE, PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { createImpatientClock } from "@ocir-broker/testkit/impatient-clock";
import { describe, expect, it, vi } from "vitest";
import {
  archive,
  CONFIG,
  CONNECT,
  createNode,
  install,
  installedNode,
  NEVER,
  type Node,
  OTHER_PROVIDER,
  OWN_UNIT,
  unpackPackage,
} from "../../test/image-node.ts";
import { fileSystemThat, killedAt } from "../../test/killed-at.ts";
import { LIST } from "../copies.ts";
import { createDisk, type FileSystem } from "../disk.ts";
import { describeConnection, describeInstallation, describeRemoval } from "../dry-run.ts";
import { CURRENT, FOLDER, PACKAGE, PLUGIN, SHIM } from "../installed-files.ts";
import { connectNode, disconnectNode } from "./connect.ts";
import { installNode } from "./install.ts";
import { disable, enable } from "./off-switch.ts";
import { removeNode } from "./remove.ts";
import { statusOfNode } from "./status.ts";

const FLAGS = `--image-credential-provider-config=${CONFIG} --image-credential-provider-bin-dir=${dirname(PLUGIN)}`;
const BROKER_CONFIG = "/etc/ocir-broker/config.yaml";
const WITH_FLAGS = { ...CONNECT, kubeletFlags: true };

const remove = (node: Node) => removeNode(node.context, NEVER);
const disconnect = (node: Node) => disconnectNode(node.context, NEVER, { isOnlyFlags: false });
const withDisk = (node: Node, change: FileSystem): Node => ({
  ...node,
  context: { ...node.context, disk: createDisk(node.root, change) },
});
/** Files and links, without empty folders, which may stay. */
const files = (lines: readonly string[]) => lines.filter((line) => !/ 4\d{4} $/.test(line));

/** Why a kubelet would not start with the files that the files of its unit name. */
function kubeletErrors({ context }: Node): unknown[] {
  const texts = [OWN_DROP_IN, "/etc/systemd/system/kubelet.service"].map((path) => context.disk.read(path) ?? "");
  if (!texts.some((text) => text.includes(FLAGS))) return [];
  const { files: configFiles, directory, failure } = readCredentialProviderFiles(context.files, CONFIG);
  if (failure !== undefined) return [failure];
  return checkCredentialProviderConfig(configFiles, {
    kubeletMinor: 34,
    directory,
    hasExecutable: (name) => {
      const path = `${dirname(PLUGIN)}/${name}`;
      const state = context.disk.stateOf(path);
      return state.startsWith("link:/") ? context.disk.isThere(state.slice("link:".length)) : state !== "absent";
    },
  }).filter(({ severity }) => severity !== "warning");
}

describe("installNode", () => {
  it("installs, upgrades and connects a node, and removeNode brings back every file", async () => {
    const node = createNode();
    expect(await install(node, archive("1"), { connect: WITH_FLAGS })).toMatchObject({
      ok: true,
      flags: { config: CONFIG },
    });
    expect(await install(node, archive("2"))).toMatchObject({ ok: true });
    expect(await install(node, archive("3"))).toMatchObject({ ok: true });
    expect(node.through(PLUGIN)).toBe("credential-provider-oke 3");
    expect(node.read(OWN_UNIT)).toContain(" 3");
    expect(fs.readdirSync(join(node.root, FOLDER)).sort()).toEqual(["2", "3", "current"]);
    expect(fs.readdirSync(join(node.root, "/usr/lib/tmpfiles.d"))).toEqual(["ocir-broker-3.conf"]);
    expect(await remove(node)).not.toHaveProperty("left");
    expect(files(node.snapshot())).toEqual(files(node.before));
  });

  it("keeps what is in another build of the version that is in use", async () => {
    const node = await installedNode();
    const from = archive("1");
    const other = archive("2");
    fs.copyFileSync(`${other}/credential-provider-oke`, `${from}/credential-provider-oke`);
    const sums = fs.readFileSync(`${from}/SHA256SUMS`, "utf8").split("\n");
    const replaced = fs.readFileSync(`${other}/SHA256SUMS`, "utf8").split("\n");
    fs.writeFileSync(`${from}/SHA256SUMS`, sums.with(1, replaced[1] ?? "").join("\n"));
    expect(await install(node, from)).toMatchObject({ ok: true });
    expect(node.through(PLUGIN)).toBe("credential-provider-oke 2");
  });

  it.each<[what: string, break_: (from: string) => void]>([
    ["a damaged file", (from) => fs.appendFileSync(`${from}/ocir-broker-launch`, "!")],
    ["a missing file", (from) => fs.rmSync(`${from}/ocir-broker-launch`)],
    ["no list", (from) => fs.rmSync(`${from}/SHA256SUMS`)],
  ])("refuses an archive with %s, and changes nothing", async (_, break_) => {
    const node = await installedNode();
    const before = files(node.snapshot());
    const from = archive("2");
    break_(from);
    expect(await install(node, from)).toMatchObject({ ok: false, code: "archive" });
    expect(files(node.snapshot()).filter((line) => !line.includes("/.new/"))).toEqual(before);
  });

  it.each<[what: string, code: string, arrange: (node: Node) => void, command?: Parameters<typeof install>[2]]>([
    ["the kubelet cannot be connected", "connect", (node) => node.write(CONFIG, "not: valid\n")],
    ["it is switched off", "switched-off", (node) => node.write(DISABLED_FILE, "")],
    ["the layout is that of an unreleased version", "install", (node) => node.write(`${FOLDER}/ocir-broker`, "")],
    ["a package is there", "package", (node) => unpackPackage(node, "1")],
    [
      "the configuration has errors",
      "config",
      () => {},
      {
        checkConfig() {
          throw new Error("line 1");
        },
      },
    ],
  ])("changes nothing if %s", async (_, code, arrange, command) => {
    const node = createNode();
    arrange(node);
    const before = node.snapshot();
    expect(await install(node, archive("1"), command)).toMatchObject({ ok: false, code });
    expect(node.snapshot()).toEqual(before);
  });

  it("leaves everything to an archive's version where a package is installed too", async () => {
    const node = await installedNode();
    unpackPackage(node, "2");
    const before = node.snapshot();
    expect(await install(node, undefined, { connect: undefined })).toMatchObject({ ok: true });
    expect(node.said.at(-1)).toContain(`run ${BROKER_PROGRAM} node remove`);
    expect(node.snapshot()).toEqual(before);
    expect(await remove(node)).toMatchObject({ ok: true, isPackage: true });
    expect(await install(node, undefined)).toMatchObject({ ok: true });
    expect(node.through(PLUGIN)).toBe("credential-provider-oke 2");
  });

  it("uses and upgrades a package, whose files stay when it is removed", async () => {
    const node = createNode();
    unpackPackage(node, "1");
    expect(await install(node, undefined)).toMatchObject({ ok: true });
    unpackPackage(node, "2");
    expect(await statusOfNode(node.context)).toMatchObject({ ok: false, code: "unfinished" });
    expect(await install(node, undefined)).toMatchObject({ ok: true });
    expect([node.read(OWN_UNIT), fs.readlinkSync(join(node.root, CURRENT))]).toEqual([
      expect.stringContaining(" 2"),
      PACKAGE,
    ]);
    expect(await remove(node)).toMatchObject({ ok: true, isPackage: true });
    const isPackages = (line: string) => line.startsWith(`${FOLDER.slice(1)}/${PACKAGE}/`);
    expect(files(node.snapshot()).filter((line) => !isPackages(line))).toEqual(files(node.before));
  });

  it("needs the archive where nothing is installed", async () => {
    expect(await install(createNode(), undefined)).toMatchObject({ ok: false, code: "unfinished" });
  });

  it("enables the units once, because an administrator may disable them", async () => {
    const node = await installedNode();
    expect(node.units.areEnabled).toBe(true);
    node.units.areEnabled = false;
    await install(node, archive("2"));
    expect(node.units.areEnabled).toBe(false);
  });

  /** The daemon of this version does not respond. */
  function silent(node: Node, version: string): Node {
    node.write("/run/systemd/system/.none", "");
    const runProgram: RunProgram = async (run) =>
      run.path.endsWith(SHIM) && fs.readlinkSync(join(node.root, CURRENT)) === version
        ? printed("", { exitCode: 1, stderr: "ocir-broker: shim-timeout: no answer" })
        : run.path.endsWith(SHIM)
          ? printed(
              '{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1","cacheKeyType":"Registry","cacheDuration":"0s","auth":{}}',
            )
          : node.context.runProgram(run);
    return { ...node, context: { ...node.context, clock: createImpatientClock(), runProgram } };
  }

  it("goes back to the earlier version, with its units and configuration, if the daemon does not respond", async () => {
    const node = createNode();
    const broken = silent(node, "2");
    node.write(BROKER_CONFIG, "log: {level: debug}\n");
    expect(await install(broken, archive("1"))).toMatchObject({ ok: true });
    const before = files(node.snapshot());
    const failed = await install(broken, archive("2"), { given: "log: {level: warn}\n" });
    expect(failed).toMatchObject({ ok: false, code: "plugin" });
    expect(files(node.snapshot())).toEqual(before);
  });

  it("removes all of a first installation whose daemon does not respond, unless it is a package alone", async () => {
    const node = createNode();
    expect(await install(silent(node, "1"), archive("1"))).toMatchObject({ ok: false, code: "plugin" });
    expect(files(node.snapshot()).filter((line) => !line.startsWith("run/"))).toEqual(files(node.before));
    unpackPackage(node, "1");
    expect(await install(silent(node, PACKAGE), undefined)).toMatchObject({ ok: false });
    expect(await install(silent(node, PACKAGE), undefined, { connect: undefined })).toMatchObject({ ok: true });
  });

  it("ends before its next step, with everything as it was, if a signal arrives", async () => {
    const node = createNode();
    const options = { from: archive("1"), connect: undefined, checkConfig() {} };
    expect(await installNode(node.context, AbortSignal.abort(), options)).toMatchObject({ ok: false, code: "killed" });
    expect(node.snapshot()).toEqual(node.before);
  });
});

describe("a run that is killed before any change", () => {
  const STEP = 7;

  /** Each kill at which the run does not end. */
  async function killEach<Prepared extends Node>(
    prepare: () => Promise<Prepared> | Prepared,
    run: (node: Node) => Promise<unknown>,
    then: (node: Prepared, when: string) => Promise<void>,
  ) {
    for (let nth = 1; ; nth += STEP) {
      const node = await prepare();
      let ended = false;
      const change = killedAt(nth);
      const dead = { ...change };
      await run(withDisk(node, dead)).then((result) => {
        ended = (result as { ok?: boolean }).ok === true;
      });
      expect(kubeletErrors(node), `change ${nth}`).toEqual([]);
      await then(node, `change ${nth}`);
      if (ended) return;
    }
  }

  it("leaves a kubelet that starts, and is completed by the same command, or taken back", async () => {
    await killEach(
      () => createNode(),
      (node) => install(node, archive("1"), { connect: WITH_FLAGS }),
      async (node, when) => {
        expect(await install(node, archive("1"), { connect: WITH_FLAGS }), when).toMatchObject({ ok: true });
        expect(kubeletErrors(node), when).toEqual([]);
        expect(await remove(node), when).toMatchObject({ ok: true });
        expect(files(node.snapshot()), when).toEqual(files(node.before));
      },
    );
  }, 300_000);

  it("is taken back by a removal", async () => {
    await killEach(
      () => createNode(),
      (node) => install(node, archive("1"), { connect: WITH_FLAGS }),
      async (node, when) => {
        expect(await remove(node), when).toMatchObject({ ok: true });
        expect(files(node.snapshot()), when).toEqual(files(node.before));
      },
    );
  }, 300_000);

  it("can be an upgrade", async () => {
    await killEach(
      () => installedNode(),
      (node) => install(node, archive("2"), { connect: WITH_FLAGS }),
      async (node, when) => {
        expect(await install(node, archive("2"), { connect: WITH_FLAGS }), when).toMatchObject({ ok: true });
        expect([node.read(OWN_UNIT), node.through(PLUGIN)], when).toEqual([
          expect.stringContaining(" 2"),
          "credential-provider-oke 2",
        ]);
        await remove(node);
        expect(files(node.snapshot()), when).toEqual(files(node.before));
      },
    );
  }, 300_000);

  it("can be a removal, or a disconnection", async () => {
    for (const undo of [remove, disconnect])
      await killEach(
        async () => {
          const node = createNode();
          await install(node, archive("1"), { connect: WITH_FLAGS });
          return node;
        },
        undo,
        async (node, when) => {
          expect(await remove(node), when).toMatchObject({ ok: true });
          expect(files(node.snapshot()), when).toEqual(files(node.before));
        },
      );
  }, 300_000);
});

it("a full disk at any change leaves a kubelet that starts, and the run can be repeated", async () => {
  for (let nth = 1; ; nth += 7) {
    const node = createNode();
    const full = fileSystemThat((name, change) => {
      if (change >= nth && ["writeFileSync", "copyFileSync", "mkdirSync", "symlinkSync"].includes(name))
        throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    });
    const result = await install(withDisk(node, full), archive("1"), { connect: WITH_FLAGS });
    expect(kubeletErrors(node), `change ${nth}`).toEqual([]);
    if (result.ok) break;
    expect(result, `change ${nth}`).toMatchObject({ code: "disk" });
    expect(await install(node, archive("1"), { connect: WITH_FLAGS }), `change ${nth}`).toMatchObject({ ok: true });
    await remove(node);
    expect(files(node.snapshot()), `change ${nth}`).toEqual(files(node.before));
  }
}, 300_000);

describe("files that somebody else edits between our commands", () => {
  const THEIRS = `${OTHER_PROVIDER}# theirs\n`;
  /** A line remains where our entry was. */
  const AFTER_OURS = `${OTHER_PROVIDER}\n# theirs\n`;
  const second = (node: Node) => install(node, archive("2"), { connect: WITH_FLAGS });
  const edit = (path: string, change: (text: string) => string) => (node: Node) =>
    node.write(path, change(node.read(path)));

  it.each<[what: string, steps: readonly ((node: Node) => unknown)[], path: string, expected: string | undefined]>([
    ["the configuration: a comment", [edit(CONFIG, (text) => `${text}# theirs\n`)], CONFIG, AFTER_OURS],
    ["the configuration, then an upgrade", [edit(CONFIG, (text) => `${text}# theirs\n`), second], CONFIG, AFTER_OURS],
    ["the configuration is written anew", [(node) => node.write(CONFIG, THEIRS), second], CONFIG, THEIRS],
    [
      "the configuration is written anew, and not connected again",
      [(node) => node.write(CONFIG, THEIRS)],
      CONFIG,
      THEIRS,
    ],
    ["the configuration is deleted", [(node) => fs.rmSync(join(node.root, CONFIG))], CONFIG, undefined],
    [
      "the configuration is deleted, then an upgrade",
      [(node) => fs.rmSync(join(node.root, CONFIG)), second],
      CONFIG,
      undefined,
    ],
    ["the plugin is replaced", [(node) => node.write(PLUGIN, "Oracle's", 0o755)], PLUGIN, "Oracle's"],
    [
      "the plugin is replaced, then an upgrade",
      [(node) => node.write(PLUGIN, "Oracle's", 0o755), second],
      PLUGIN,
      "Oracle's",
    ],
    [
      "the flags' file",
      [edit(OWN_DROP_IN, (text) => `${text}# theirs\n`)],
      OWN_DROP_IN,
      '[Service]\nEnvironment="KUBELET_EXTRA_ARGS="\n# theirs\n',
    ],
    [
      "the flags' file, then an upgrade",
      [edit(OWN_DROP_IN, (text) => text.replace("ARGS=", "ARGS=--v=2 ")), second],
      OWN_DROP_IN,
      '[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--v=2 "\n',
    ],
    [
      "the broker's configuration",
      [(node) => node.write(BROKER_CONFIG, "log: {level: warn}\n"), second],
      BROKER_CONFIG,
      "log: {level: warn}\n",
    ],
  ])("keep what is theirs: %s", async (_, steps, path, expected) => {
    const node = createNode();
    await install(node, archive("1"), { connect: WITH_FLAGS });
    fs.rmSync(join(node.root, PLUGIN), { force: true });
    fs.symlinkSync(SHIM, join(node.root, PLUGIN));
    for (const step of steps) await step(node);
    expect(await remove(node)).toMatchObject({ ok: true });
    expect(fs.existsSync(join(node.root, path)) ? node.read(path) : undefined).toBe(expected);
  });

  it("keep another provider's entry of our plugin's name", async () => {
    const node = createNode();
    const oracles = `${OTHER_PROVIDER}- name: ${PLUGIN_NAME}\n  apiVersion: credentialprovider.kubelet.k8s.io/v1\n  matchImages: ["*.ocir.io"]\n  defaultCacheDuration: 1h\n`;
    node.write(CONFIG, oracles, 0o640);
    const before = node.snapshot();
    await install(node, archive("1"));
    expect(node.read(CONFIG)).not.toBe(oracles);
    await remove(node);
    expect(files(node.snapshot())).toEqual(files(before));
    await install(node, archive("1"));
    node.write(CONFIG, `${node.read(CONFIG)}# theirs\n`);
    await remove(node);
    expect(node.read(CONFIG)).toContain(PLUGIN_NAME);
  });
});

describe("removeNode", () => {
  it("leaves a plugin of its own and an entry to a kubelet that names them, and says so each time", async () => {
    const node = createNode();
    for (const path of [CONFIG, PLUGIN]) fs.rmSync(join(node.root, path));
    node.write("/etc/systemd/system/kubelet.service", `[Service]\nExecStart=/usr/bin/kubelet ${FLAGS}\n`);
    await install(node, archive("1"), { connect: { ...CONNECT, serviceAccounts: "ocir" } });
    for (let time = 0; time < 2; time += 1) {
      const why = expect.stringContaining("the flag --image-credential-provider-");
      const left = [CONFIG, PLUGIN].map((path) => ({ path, why }));
      expect(await remove(node)).toMatchObject({ ok: true, left: expect.arrayContaining(left) });
      expect([node.read(PLUGIN), kubeletErrors(node)]).toEqual(["credential-provider-oke 1", []]);
      expect(node.read(CONFIG)).not.toContain("tokenAttributes");
    }
    fs.rmSync(join(node.root, "/etc/systemd/system/kubelet.service"));
    expect(await remove(node)).not.toHaveProperty("left");
    expect([PLUGIN, CONFIG, LIST].filter((path) => fs.existsSync(join(node.root, path)))).toEqual([]);
  });

  it("takes out our entry without the list, and says what it cannot bring back", async () => {
    const node = await installedNode();
    fs.rmSync(join(node.root, dirname(LIST)), { recursive: true });
    expect(await statusOfNode(node.context)).toMatchObject({ ok: false, code: "unfinished" });
    expect(await remove(node)).toMatchObject({ ok: true });
    expect(node.said.at(-1)).toMatch(/copies\.json is missing: .* cannot be brought back/);
    expect([node.read(CONFIG), fs.existsSync(join(node.root, PLUGIN))]).toEqual([OTHER_PROVIDER, false]);
  });

  it("changes nothing if the list is damaged", async () => {
    const node = await installedNode();
    node.write(LIST, "{");
    const before = node.snapshot();
    expect(await remove(node)).toMatchObject({ ok: false, code: "record" });
    expect(await install(node, archive("2"))).toMatchObject({ ok: false, code: "record" });
    expect(node.snapshot()).toEqual(before);
  });

  it("says that there is nothing to remove", async () => {
    const node = createNode();
    expect(await remove(node)).toMatchObject({ ok: true });
    expect(node.said).toContain("ocir-broker is not installed on this node: there is nothing to remove");
    expect(node.snapshot()).toEqual(node.before);
  });

  it("changes neither daemon nor command when the kubelet's configuration is read-only", async () => {
    const node = await installedNode();
    const readOnly = fileSystemThat((_, __, ...paths) => {
      if (paths.some((path) => String(path).startsWith(`${node.root}/etc/kubernetes/`)))
        throw Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS" });
    });
    expect(await remove(withDisk(node, readOnly))).toMatchObject({ ok: false, code: "disk" });
    expect([node.units.areEnabled, node.through(PLUGIN)]).toEqual([true, "credential-provider-oke 1"]);
    expect(await connectNode(node.context, NEVER, CONNECT)).toMatchObject({ ok: false, code: "unfinished" });
    expect(await install(node, archive("1"))).toMatchObject({ ok: true });
  });
});

describe("the configuration of the node's pool", () => {
  const OWN = "log: {level: debug}\n";
  const POOLS = "proxy: {https: http://user:password@proxy.example:3128}\n";
  const EXCHANGE = "serviceAccounts:\n  tokenExchange: oke\n  audience: ocir\n";
  const AUDIENCE = { ...CONNECT, serviceAccounts: "ocir" };
  const give = (node: Node, given: string | undefined, connect?: typeof CONNECT) =>
    install(node, archive("1"), { given, connect });

  it("replaces the node's own file, which comes back when it is taken back or ocir-broker is removed", async () => {
    const node = createNode();
    node.write(BROKER_CONFIG, OWN, 0o640);
    const before = node.snapshot();
    await give(node, POOLS);
    const modes = node.snapshot().filter((line) => line.includes("password"));
    expect(modes.map((line) => line.split(" ")[1])).toEqual(["100600", "100600"]);
    await give(node, "{}\n");
    expect(files(node.snapshot()).filter((line) => line.startsWith("etc/ocir"))).toEqual(
      files(before).filter((line) => line.startsWith("etc/ocir")),
    );
    await give(node, POOLS);
    await remove(node);
    expect(files(node.snapshot())).toEqual(files(before));
  });

  it("keeps the token exchange, whichever of the two was there first, until disconnectNode", async () => {
    const node = createNode();
    node.write(BROKER_CONFIG, OWN, 0o640);
    await give(node, POOLS, AUDIENCE);
    expect(node.read(BROKER_CONFIG)).toBe(`${POOLS}\n${EXCHANGE}`);
    await give(node, "log: {level: warn}\n");
    expect(node.read(BROKER_CONFIG)).toBe(`log: {level: warn}\n\n${EXCHANGE}`);
    await give(node, "");
    expect(node.read(BROKER_CONFIG)).toBe(`${OWN}\n${EXCHANGE}`);
    await give(node, POOLS);
    await disconnect(node);
    expect(node.read(BROKER_CONFIG)).toBe(POOLS);
    await give(node, "");
    expect(node.read(BROKER_CONFIG)).toBe(OWN);
  });

  it("lets no warning quote a line of it, which may have a password", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const given = "proxy: {https: !secret http://user:password@proxy.example:3128}\n";
    expect(await give(createNode(), given)).toMatchObject({ ok: true });
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });
});

describe("disable", () => {
  it("writes a file that the plugin looks for, keeps its time, and enable removes it", async () => {
    const node = await installedNode();
    await disable(node.context);
    node.write(DISABLED_FILE, "2026-01-01T00:00:00Z\n");
    await disable(node.context);
    expect(node.read(DISABLED_FILE)).toBe("2026-01-01T00:00:00Z\n");
    expect(await install(node, archive("2"))).toMatchObject({ ok: false, code: "switched-off" });
    expect(await install(node, archive("2"), { connect: undefined })).toMatchObject({ ok: true });
    await enable(node.context);
    expect(fs.existsSync(join(node.root, DISABLED_FILE))).toBe(false);
  });

  it("refuses a plugin that is not ocir-broker's", async () => {
    await expect(disable(createNode().context)).rejects.toMatchObject({ code: "install" });
  });
});

describe("a dry run", () => {
  it("prints the files that are not ours as a diff, and changes nothing", async () => {
    const node = createNode();
    const text = await describeInstallation(node.context, { from: archive("1"), connect: CONNECT, checkConfig() {} });
    expect(text).toContain(`+++ ${CONFIG} (new)`);
    expect(text).toMatch(/^\+.*name: credential-provider-oke$/m);
    expect(node.snapshot()).toEqual(node.before);
    await install(node, archive("1"));
    const installed = node.snapshot();
    expect(await describeConnection(node.context, CONNECT)).toBe("no file of others would change\n");
    expect(await describeRemoval(node.context)).toMatch(/^-.*name: credential-provider-oke$/m);
    expect(node.snapshot()).toEqual(installed);
  });

  it("fails as the command does", async () => {
    await expect(describeConnection(createNode().context, CONNECT)).rejects.toMatchObject({ code: "unfinished" });
  });
});
