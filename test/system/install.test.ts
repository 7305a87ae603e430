/**
 * The cloud-init script on a node with a real systemd: every bootstrap, every error, kills at any time. The kubelet always starts
 * with the bootstrap's arguments.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { flagsIn } from "@ocir-broker/node/kubelet";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { commandsOn } from "../documentation/pages.ts";
import { expectAlerts } from "../monitoring/expect-alerts.ts";
import { hasPromtool } from "../monitoring/promtool.ts";
import { describeUnless } from "./describe-unless.ts";
import { scriptOfRelease, settingsFor, VERSION } from "./install/archives.ts";
import { givenNode } from "./install/given-node.ts";
import { BUCKET, CLOUD_INIT_FOLDER, CONFIG, PLUGIN, type Run, SCRIPT } from "./install/oke-node.ts";
import { control } from "./simulated-node.ts";
import { canBootSystemd } from "./systemd-root/systemd-root.ts";

const CONFIG_FLAG = "--image-credential-provider-config";
const BIN_DIR_FLAG = "--image-credential-provider-bin-dir";
const LABELS = `--node-labels=ocir-broker/state=bootstrapped,ocir-broker/version=${VERSION}`;
const OUR_FLAGS = [`${CONFIG_FLAG}=${CONFIG}`, `${BIN_DIR_FLAG}=/usr/local/bin`, LABELS];
/** From the start of the script to the kubelet's flags, for a new user. */
const NEW_USER_LIMIT_MS = 60_000;
const BROKER_CONFIG = "/etc/ocir-broker/config.yaml";
const INSTALL_METRICS = "/run/ocir-broker-metrics/ocir_broker_install.prom";
const USER_DATA = "/var/lib/cloud/instance/scripts/part-001";
const REQUEST = credentialProviderRequest({ image: "us-ashburn-1.ocir.io/tenancy/app" });
describeUnless(canBootSystemd(), "ocir-broker-node.sh", () => {
  const node = givenNode();

  const settings = () => settingsFor(node.archives.good);
  const fromBucket = () => ({ ...settings(), OCIR_BROKER_SOURCES: BUCKET });

  async function expectInstalled(run: Run): Promise<void> {
    expect(run.kubelet, run.stderr).toBeDefined();
    const words = run.kubelet ?? [];
    const flags = words.filter((word) => word.startsWith(CONFIG_FLAG) || word.startsWith(BIN_DIR_FLAG));
    expect(flags, run.stderr).toHaveLength(2);
    expect(await node.errorOf(words)).toBe("");
    const { stdout } = await node.root.exec(`${flagsIn(words).binDir}/credential-provider-oke`, [], {
      input: REQUEST,
    });
    expect(JSON.parse(stdout).auth["us-ashburn-1.ocir.io"].password).toMatch(/\./);
  }

  /** Boots the node with this script, which must install. */
  async function boot(script: string, path = USER_DATA, command = [path]): Promise<Run> {
    node.root.write(path, script, 0o755);
    const [program = "", ...args] = command;
    const result = await node.root.exec(program, args, { timeoutMs: NEW_USER_LIMIT_MS });
    const run = { ...result, kubelet: await node.kubelet() };
    await expectInstalled(run);
    return run;
  }

  describe("bootstraps a node", () => {
    it("by the metadata service's oke_init_script, and changes nothing when run again", async () => {
      const run = await node.install(settings(), ["--kubelet-extra-args", "--v=4 --max-pods=50"]);
      await expectInstalled(run);
      expect([run.exitCode, run.kubelet]).toEqual([0, ["--v=4", "--max-pods=50", ...OUR_FLAGS]]);
      expect(await node.root.run("cat", ["/run/tries"])).toMatch(/^oke-init .*$/);

      const look =
        "find /usr/libexec/ocir-broker /usr/local /etc/kubernetes -printf '%p %i %T@\\n'; systemctl show -P MainPID ocir-broker";
      const before = await node.root.run("sh", ["-c", look]);
      const second = await node.install({ ...settings(), OCIR_BROKER_SOURCES: "" });
      await expectInstalled(second);
      expect(second.kubelet).toEqual(OUR_FLAGS);
      expect(second.stderr).toContain("is already installed");
      expect(await node.root.run("sh", ["-c", look])).toBe(before);
    });

    it("with the rendered cloud-init.yaml and a release's script, and prints the verified checksum", async () => {
      const script = gzipSync(scriptOfRelease(node.archives.good, BUCKET)).toString("base64");
      const values: Record<string, string> = { script, kubelet_extra_args: "--v=4" };
      const template = readFileSync(join(CLOUD_INIT_FOLDER, "cloud-init.yaml"), "utf8");
      const { write_files, runcmd } = parse(template.replace(/\$\{(\w+)\}/g, (_all, name) => values[name] ?? ""));
      const [file] = write_files;
      expect([template.split("\n")[0], write_files.length, runcmd.length]).toEqual(["#cloud-config", 1, 1]);
      const user = gunzipSync(Buffer.from(file.content, "base64")).toString();
      const { stderr, kubelet } = await boot(user, file.path, runcmd[0]);
      expect(stderr).toMatch(new RegExp(`verified: ocir-broker-.*\\.tar\\.gz .*${node.archives.good.sha256}`));
      expect(kubelet).toEqual(["--v=4", ...OUR_FLAGS]);
    });

    it("with the user data of the guides", async () => {
      const [withConfig = "", block = "", ...others] = new Set(commandsOn("first boot").map(({ text }) => text));
      expect(others).toEqual([]);
      const folder = temporaryFolder();
      writeFileSync(join(folder, "ocir-broker-node.sh"), scriptOfRelease(node.archives.good, "http://10.1.2.3/"));
      const env = { PATH: "/usr/bin:/bin", source: BUCKET, kubelet_extra_args: "--v=4 --max-pods=9" };
      execFileSync("sh", ["-ec", block], { cwd: folder, env });
      const { kubelet } = await boot(readFileSync(join(folder, "user-data.sh"), "utf8"));
      expect(kubelet).toEqual(["--v=4", "--max-pods=9", ...OUR_FLAGS]);
      execFileSync("sh", ["-ec", withConfig.replace(/^export .*/m, `$&\nexport OCIR_BROKER_SOURCES='${BUCKET}'`)], {
        cwd: folder,
      });
      node.root.write(USER_DATA, readFileSync(join(folder, "user-data.sh"), "utf8"), 0o755);
      // Its proxy does not exist, so no credentials come.
      await node.root.run(USER_DATA, []);
      const [, config] = /<<'CONFIG'\n(.*)CONFIG\n/s.exec(withConfig) ?? [];
      expect(node.root.read(BROKER_CONFIG).toString()).toBe(config);
    });
  });

  describe("leaves a kubelet that starts, without our flags and with the reason in the log:", () => {
    it.each<[what: string, code: string, said: RegExp, arrange: string, undo: string, more?: object]>([
      [
        "a full disk",
        "disk",
        /No space left on device/,
        "mount -t tmpfs -o size=60m none /usr/libexec",
        "umount /usr/libexec",
      ],
      [
        "an invalid configuration of the pool",
        "config",
        /config: the configuration has errors: \/run\/pool\.yaml is not valid: line 1: log\.level: must be error/,
        "echo 'log: {level: loud}' >/run/pool.yaml",
        ":",
        { OCIR_BROKER_CONFIG: "/run/pool.yaml" },
      ],
      [
        "no kubelet to ask for its version",
        "kubelet-version",
        /gives the Kubernetes version/,
        "chmod -x /usr/bin/kubelet",
        "chmod +x /usr/bin/kubelet",
      ],
    ])("%s", async (_, code, said, arrange, undo, more) => {
      await node.root.run("sh", ["-c", arrange]);
      const before = await node.root.exec("cat", [CONFIG]);
      const run = await node.install({ ...settings(), ...more }, ["--kubelet-extra-args", "--v=4"]);
      await node.root.run("sh", ["-c", undo]);
      expect(run.stderr).toMatch(new RegExp(`ERROR: this node gets no ocir-broker: ${code}: `));
      expect(run.stderr).toMatch(said);
      const metric = await node.root.run("cat", [INSTALL_METRICS]);
      expect(metric).toContain(`ocir_broker_install_failed{reason="${code}"} 1`);
      if (hasPromtool) expectAlerts("ocir_broker", { scrapes: Array(10).fill(metric) }, ["OcirBrokerInstallFailed"]);
      expect([run.exitCode, run.kubelet]).toEqual([0, ["--v=4"]]);
      // The state without ocir-broker.
      expect((await node.root.exec("cat", [CONFIG])).stdout).toBe(before.stdout);
      expect((await node.root.exec("ls", ["-d", PLUGIN, "/usr/libexec/ocir-broker"])).stdout).toBe("");
    });

    it("an error, which a later success clears", async () => {
      const failed = await node.install({ ...fromBucket(), OCIR_BROKER_SOURCES: "http://10.1.2.3/secret/" });
      expect(failed.stderr).not.toContain("secret");
      expect(await node.root.run("journalctl", ["-t", "ocir-broker-node", "--no-pager"])).toContain(
        "ERROR: this node gets no ocir-broker: download: ",
      );
      await expectInstalled(await node.install(fromBucket()));
      expect((await node.root.exec("ls", [INSTALL_METRICS])).stdout).toBe("");
    });
  });

  describe("without a metadata service", () => {
    it("sets the flags when another way to bootstrap exists, because the service can recover", async () => {
      node.addOkeBootstrap();
      await node.stopSimulator();
      const run = await node.install(settings());
      await node.restartSimulator();
      expect(run.stderr).toMatch(/no credentials yet.*: ocir-broker: metadata-/);
      expect([run.kubelet, await node.errorOf(run.kubelet ?? [])]).toEqual([OUR_FLAGS, ""]);
    });

    it("reports that the node cannot be bootstrapped when there is no other way", async () => {
      await control(node.root, "/faults", { endpoint: "metadata.other", status: 404, times: 100 });
      const once = `sed s/patience=600/patience=15/ ${SCRIPT} | sh -s`;
      const { exitCode, stderr } = await node.root.exec("sh", ["-c", once], { env: settings() });
      await control(node.root, "/reset");
      expect([exitCode === 0, await node.kubelet()]).toEqual([false, undefined]);
      expect(stderr).toMatch(
        /ERROR: there is no oke_init_script\n(?:.*\n)*.*ERROR: the node was NOT bootstrapped: status 1\n/,
      );
    });
  });
});
