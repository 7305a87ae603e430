/**
 * The packages on a node with a real systemd: installed, upgraded under load and removed, with dpkg, rpm and the archive's own
 * scripts. A simulator of Oracle's cloud also runs there, so that pulls work.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { checkCredentialProviderConfig } from "@ocir-broker/kubelet-config";
import { until } from "@ocir-broker/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bootSystemd, canBootSystemd, type ExecResult, type SystemdRoot } from "../systemd-root/index.ts";
import { buildPackages, cannotPackage, packageNamed } from "./built-packages.ts";

const skipped = cannotPackage() ?? canBootSystemd();
const BUILD_LIMIT_MS = 900_000;
const INSTALL_LIMIT_MS = 120_000;
const HOST = "icn.ocir.io";
const PLUGIN = "/usr/local/bin/credential-provider-oke";
const LINKS = {
  [PLUGIN]: "credential-provider-oke",
  "/usr/local/bin/credential-provider-oke-sa": "credential-provider-oke",
  "/usr/local/bin/docker-credential-ocir": "credential-provider-oke",
  "/usr/local/bin/ocir-broker": "ocir-broker",
  "/usr/local/libexec/ocir-broker-launch": "ocir-broker-launch",
};
const REQUEST = `${JSON.stringify({
  kind: "CredentialProviderRequest",
  apiVersion: "credentialprovider.kubelet.k8s.io/v1",
  image: `${HOST}/tenancy/app`,
})}\n`;
const CONFIG = `
registries: {prefetch: [], endpoints: {${HOST}: "http://127.0.0.1:18080"}}
metadata: {baseUrl: "http://127.0.0.1:18081/opc/v2"}
auth: {endpoint: "http://127.0.0.1:18082"}
`;
const NODE_SCRIPT = "/opt/checkout/cloud-init/ocir-broker-node.sh";
const DEFAULT_CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
const KUBELET_CONFIG_PATH = "/etc/kubernetes/elsewhere/credential-provider.yaml";
const KUBELET_CONFIG = `
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: credential-provider-oke
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["*.ocir.io", "ocir.*.oci.*.*"]
    defaultCacheDuration: "0s"
`;
const KUBELET_FLAGS = `--image-credential-provider-config=${KUBELET_CONFIG_PATH} --image-credential-provider-bin-dir=/usr/local/bin`;
const EARLIER_PLUGIN = "#!/bin/sh\necho the earlier plugin\n";
/** Counts answers with a token and other answers until it is stopped. */
const LOAD = `ok=0 bad=0
until [ -e /run/load-stop ]; do
  if ${PLUGIN} </run/request 2>>/run/load-errors | grep -q BEARER_TOKEN; then ok=$((ok + 1)); else bad=$((bad + 1)); fi
  echo "$ok $bad" >/run/load-count
  sleep 0.02
done`;

interface Way {
  readonly name: string;
  install(root: SystemdRoot): Promise<ExecResult>;
  upgrade(root: SystemdRoot): Promise<ExecResult>;
  remove(root: SystemdRoot): Promise<ExecResult>;
}

describe.skipIf(skipped !== undefined)(`on a node${skipped ? ` (skipped: ${skipped})` : ""}`, () => {
  const scratch = mkdtempSync(join(tmpdir(), "ocir-packages-"));
  let root: SystemdRoot;

  const inside = (path: string): string => `/opt/checkout/dist/packages/${basename(path)}`;
  const limit = { timeoutMs: INSTALL_LIMIT_MS };
  const ways: Way[] = [
    {
      name: ".deb",
      install: (on) => on.exec("dpkg", ["-i", inside(packageNamed("_amd64.deb"))], limit),
      upgrade: (on) => on.exec("dpkg", ["-i", "/opt/newer.deb"], limit),
      remove: (on) => on.exec("dpkg", ["-r", "ocir-broker"], limit),
    },
    {
      // On Debian, rpm's database has none of the rpm's requirements.
      name: ".rpm",
      install: (on) => on.exec("rpm", ["-i", "--nodeps", inside(packageNamed(".x86_64.rpm"))], limit),
      upgrade: (on) => on.exec("rpm", ["-U", "--nodeps", "--replacepkgs", inside(packageNamed(".x86_64.rpm"))], limit),
      remove: (on) => on.exec("rpm", ["-e", "--nodeps", "ocir-broker"], limit),
    },
    {
      name: "archive",
      install: (on) => on.exec("sh", ["-c", "/opt/unpacked/*/install.sh"], limit),
      upgrade: (on) => on.exec("sh", ["-c", "/opt/unpacked/*/install.sh"], limit),
      remove: (on) => on.exec("/usr/libexec/ocir-broker/uninstall.sh", [], limit),
    },
  ];

  beforeAll(async () => {
    await buildPackages();
    const newer = join(scratch, "newer.deb");
    writeNewerDeb(scratch, packageNamed("_amd64.deb"), newer);
    root = await bootSystemd({ files: [{ from: newer, to: "/opt/newer.deb" }] });
    await root.run("mkdir", ["/opt/unpacked"]);
    await root.run("tar", ["xzf", inside(packageNamed("linux-amd64.tar.gz")), "-C", "/opt/unpacked"], limit);
    await root.run("systemd-run", [
      ...["--quiet", "--unit", "simulator", "--working-directory=/opt/checkout"],
      ...["/opt/checkout/node_modules/.bin/node", "packages/oci-simulator/src/main.ts"],
    ]);
    root.write("/run/request", REQUEST);
  }, BUILD_LIMIT_MS);

  afterAll(async () => {
    await root?.powerOff();
    rmSync(scratch, { recursive: true });
  });

  beforeEach(() => root.write("/etc/ocir-broker/config.yaml", CONFIG));

  async function pull(): Promise<Record<string, { password: string }>> {
    const { auth } = JSON.parse(await root.run(PLUGIN, [], { input: REQUEST }));
    return auth;
  }

  async function expectDone(doing: Promise<ExecResult>): Promise<void> {
    const { exitCode, stdout, stderr } = await doing;
    expect(exitCode, `${stdout}${stderr}`).toBe(0);
  }

  async function isThere(path: string): Promise<boolean> {
    return (await root.exec("test", ["-e", path])).exitCode === 0;
  }

  describe.each(ways)("the $name", (way) => {
    afterEach(async () => {
      if (await isThere("/usr/libexec/ocir-broker")) await expectDone(way.remove(root));
      await root.run("sh", [
        "-c",
        `systemctl stop kubelet; rm -rf ${PLUGIN} ${KUBELET_CONFIG_PATH} /var/lib/ocir-broker`,
      ]);
    });

    it("answers a pull once it is installed, and starts with the kubelet", async () => {
      await expectDone(way.install(root));
      for (const [link, name] of Object.entries(LINKS)) {
        expect(await root.run("readlink", [link])).toBe(`/usr/libexec/ocir-broker/${name}`);
      }
      expect((await pull())[HOST]?.password).toMatch(/^ey/);
      expect(await root.run("systemctl", ["is-enabled", "ocir-broker.socket", "ocir-broker.service"])).toBe(
        "enabled\nenabled",
      );
      expect(await root.run("ls", ["/etc/systemd/system/kubelet.service.wants"])).toBe("ocir-broker.service");
      expect(await root.run("stat", ["-c", "%a %U:%G", "/run/ocir-broker-metrics"])).toBe(
        "775 root:ocir-broker-daemon",
      );
    });

    it("leaves nothing in use once it is removed", async () => {
      await expectDone(way.install(root));
      await pull();
      await expectDone(way.remove(root));
      for (const link of Object.keys(LINKS))
        expect(await root.exec("test", ["-L", link])).toMatchObject({ exitCode: 1 });
      expect(await root.exec("systemctl", ["is-active", "ocir-broker.service", "ocir-broker.socket"])).toMatchObject({
        stdout: "inactive\ninactive\n",
      });
      for (const path of [
        "/usr/libexec/ocir-broker",
        "/run/ocir-broker",
        "/run/ocir-broker-metrics",
        "/var/lib/ocir-broker",
      ]) {
        expect(await isThere(path), path).toBe(false);
      }
      expect(await root.run("sh", ["-c", "ls -A /etc/systemd/system/*.wants | grep ocir-broker || true"])).toBe("");
      expect(await isThere("/etc/ocir-broker/config.yaml")).toBe(true);
    });

    it("upgrades under load with no failed call, one restart, and no upstream call", async () => {
      await expectDone(way.install(root));
      await pull();
      await root.run("curl", ["-sSf", "-X", "POST", "http://127.0.0.1:18083/reset"]);
      const [socketSince, before] = await Promise.all([
        root.property("ocir-broker.socket", "ActiveEnterTimestampMonotonic"),
        root.property("ocir-broker.service", "MainPID"),
      ]);
      await root.run("rm", ["-f", "/run/load-stop", "/run/load-errors", "/run/load-count"]);
      root.write("/run/load", LOAD);
      await root.run("systemd-run", ["--quiet", "--unit", "load", "sh", "/run/load"]);
      await until("the load runs", () => isThere("/run/load-count"));
      await expectDone(way.upgrade(root));
      await sleep(1_000);
      root.write("/run/load-stop", "");
      await until("the load ended", async () => (await root.property("load.service", "ActiveState")) !== "active");
      const [ok, bad] = (await root.run("cat", ["/run/load-count"])).split(" ").map(Number);
      expect([bad, await root.run("cat", ["/run/load-errors"])]).toEqual([0, ""]);
      expect(ok).toBeGreaterThan(20);
      expect(await root.property("ocir-broker.service", "MainPID")).not.toBe(before);
      expect(await root.property("ocir-broker.socket", "ActiveEnterTimestampMonotonic")).toBe(socketSince);
      const requests = JSON.parse(await root.run("curl", ["-sSf", "http://127.0.0.1:18083/requests"]));
      expect(requests["registry.token"] ?? 0).toBe(0);
    });

    it("does not enable again what an administrator disabled", async () => {
      await expectDone(way.install(root));
      await root.run("systemctl", ["disable", "--now", "ocir-broker.service", "ocir-broker.socket"]);
      await expectDone(way.upgrade(root));
      expect(await root.exec("systemctl", ["is-enabled", "ocir-broker.socket"])).toMatchObject({
        stdout: "disabled\n",
      });
      expect(await root.property("ocir-broker.socket", "ActiveState")).toBe("inactive");
    });

    it("keeps the plugin that was there before, over an upgrade, and puts it back", async () => {
      root.write(PLUGIN, EARLIER_PLUGIN, 0o755);
      await expectDone(way.install(root));
      await expectDone(way.upgrade(root));
      expect((await pull())[HOST]?.password).toMatch(/^ey/);
      await expectDone(way.remove(root));
      expect(await root.run(PLUGIN)).toBe("the earlier plugin");
      expect(await root.run("stat", ["-c", "%F %a", PLUGIN])).toBe("regular file 755");
    });

    it.each([
      ["in its unit", `/etc/systemd/system/kubelet.service.d/10-flags.conf`],
      ["in a file of variables", "/etc/default/kubelet"],
    ])("leaves a plugin that answers nothing where a kubelet names it %s", async (_where, path) => {
      root.write(KUBELET_CONFIG_PATH, KUBELET_CONFIG);
      root.write(path, `KUBELET_EXTRA_ARGS="${KUBELET_FLAGS}"\n`);
      await expectDone(way.install(root));
      await expectDone(way.remove(root));
      await root.run("rm", [path]);
      await expectKubeletStarts();
      // The next installation recognises it, and the next removal deletes it, because no kubelet names it any more.
      await root.run("rm", [KUBELET_CONFIG_PATH]);
      await expectDone(way.install(root));
      await expectDone(way.remove(root));
      expect(await isThere(PLUGIN)).toBe(false);
    });

    it("leaves a plugin that answers nothing where a running kubelet names it", async () => {
      root.write(KUBELET_CONFIG_PATH, KUBELET_CONFIG);
      await root.run("systemd-run", [
        ...["--quiet", "--unit", "kubelet", "sh", "-c", "while sleep 1; do :; done", "kubelet"],
        ...KUBELET_FLAGS.replace("config=", "config ").split(" "),
      ]);
      await expectDone(way.install(root));
      await expectDone(way.remove(root));
      await expectKubeletStarts();
    });
  });

  it("a purge of the .deb takes the configuration as well", async () => {
    await expectDone((ways[0] as Way).install(root));
    await expectDone(root.exec("dpkg", ["--purge", "ocir-broker"], limit));
    expect(await isThere("/etc/ocir-broker")).toBe(false);
    expect(await root.exec("dpkg-query", ["-W", "ocir-broker"])).toMatchObject({ exitCode: 1 });
  });

  it("the cloud-init script connects what the .deb has installed, and refuses another version", async () => {
    const [deb] = ways as [Way];
    root.write("/usr/bin/kubelet", "#!/bin/sh\necho Kubernetes v1.33.1\n", 0o755);
    await expectDone(deb.install(root));
    const settings = { OCIR_BROKER_BOOTSTRAP: "running", OCI_METADATA_BASE_URL: "http://127.0.0.1:18081/opc/v2" };
    const run = (version: string) =>
      root.exec("sh", [NODE_SCRIPT], { env: { ...settings, OCIR_BROKER_VERSION: version } });
    const other = await run("9.9.9");
    expect(other).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("set OCIR_BROKER_VERSION=0.1.0") });
    expect([await isThere(DEFAULT_CONFIG), Object.keys(await pull())[0]]).toEqual([false, HOST]);
    const same = await run("0.1.0");
    expect(same.exitCode, same.stderr).toBe(0);
    expect([await isThere(DEFAULT_CONFIG), Object.keys(await pull())[0]]).toEqual([true, HOST]);
    await expectDone(deb.remove(root));
    expect(await isThere(DEFAULT_CONFIG)).toBe(false);
  });

  it("the archive refuses a node that has the .deb, and one whose files are damaged", async () => {
    const [deb, , archive] = ways as [Way, Way, Way];
    await expectDone(deb.install(root));
    expect(await archive.install(root)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(".deb") });
    await expectDone(deb.remove(root));
    await root.run("sh", [
      "-c",
      'cp -a /opt/unpacked /opt/damaged; for file in /opt/damaged/*/usr/libexec/ocir-broker/setup; do echo >>"$file"; done',
    ]);
    const result = await root.exec("sh", ["-c", "/opt/damaged/*/install.sh"], limit);
    expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("damaged") });
    expect(await isThere("/usr/libexec/ocir-broker")).toBe(false);
    expect(await isThere(PLUGIN)).toBe(false);
  });

  /** Checks by the kubelet's rules at its start, and with a call as the kubelet makes it. */
  async function expectKubeletStarts(): Promise<void> {
    const executable = (await root.exec("test", ["-x", PLUGIN])).exitCode === 0;
    const text = root.read(KUBELET_CONFIG_PATH).toString();
    const findings = checkCredentialProviderConfig([{ path: KUBELET_CONFIG_PATH, text }], {
      kubeletMinor: 34,
      hasExecutable: (name) => executable && PLUGIN.endsWith(`/${name}`),
    });
    expect(findings.filter(({ severity }) => severity === "fatal")).toEqual([]);
    expect(await root.run("stat", ["-c", "%F", PLUGIN])).toBe("regular file");
    expect(await pull()).toEqual({});
  }
});

/** The same package with a later version, packed without compression. */
function writeNewerDeb(scratch: string, deb: string, newer: string): void {
  const tree = join(scratch, "newer");
  execFileSync("dpkg-deb", ["-R", deb, tree]);
  const control = join(tree, "DEBIAN/control");
  writeFileSync(control, readFileSync(control, "utf8").replace(/^Version: .*$/m, "Version: 999.0.0"));
  execFileSync("dpkg-deb", ["--root-owner-group", "-Znone", "--build", tree, newer], { stdio: "ignore" });
  rmSync(tree, { recursive: true });
}
