/**
 * The packages on a node with a real systemd: installed, upgraded under load and removed, with dpkg, rpm and the archive's own
 * scripts. A simulator of Oracle's cloud also runs there, so that pulls work.
 */
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { describeUnless } from "../describe-unless.ts";
import {
  control,
  OCIR_IMAGES,
  providerConfig,
  startSimulator,
  underLoad,
  upstreamRequests,
} from "../simulated-node.ts";
import { bootSystemd, canBootSystemd, type SystemdRoot } from "../systemd-root/systemd-root.ts";
import { buildPackages, cannotPackage } from "./built-packages.ts";

const BUILD_LIMIT_MS = 900_000;
const INSTALL_LIMIT_MS = 120_000;
const HOST = "icn.ocir.io";
const PLUGIN = "/usr/local/bin/credential-provider-oke";
const LINKS = {
  [PLUGIN]: "credential-provider-oke",
  "/usr/local/bin/credential-provider-oke-sa": "credential-provider-oke",
  "/usr/local/bin/docker-credential-ocir": "docker-credential-ocir",
  "/usr/local/bin/ocir-broker": "ocir-broker",
  "/usr/local/libexec/ocir-broker-launch": "ocir-broker-launch",
};
const IMAGE = `${HOST}/tenancy/app`;
const REQUEST = credentialProviderRequest({ image: IMAGE });
const LIBRARIES = "/opt/lib";
const CONFIG = `
registries: {prefetch: [], endpoints: {${HOST}: "http://127.0.0.1:18080"}}
metadata: {baseUrl: "http://127.0.0.1:18081/opc/v2"}
auth: {endpoint: "http://127.0.0.1:18082"}
`;
const NODE_SCRIPT = "/opt/checkout/cloud-init/ocir-broker-node.sh";
const DEFAULT_CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
const KUBELET_CONFIG_PATH = "/etc/kubernetes/elsewhere/credential-provider.yaml";
const KUBELET_CONFIG = providerConfig({ name: "credential-provider-oke", matchImages: OCIR_IMAGES });
const KUBELET_FLAGS = `--image-credential-provider-config=${KUBELET_CONFIG_PATH} --image-credential-provider-bin-dir=/usr/local/bin`;
const LEFT_BY_NONE = [
  "/usr/libexec/ocir-broker",
  "/run/ocir-broker",
  "/run/ocir-broker-metrics",
  "/var/lib/ocir-broker",
  "/var/lib/ocir-broker-config",
];
const EARLIER_PLUGIN = "#!/bin/sh\necho the earlier plugin\n";
const PACKAGES = "/opt/checkout/dist/packages";
/** The .deb of a later release: the same package with another version. */
const NEWER_DEB = "/opt/newer.deb";
const MAKE_NEWER_DEB = `dpkg-deb -R ${PACKAGES}/*_amd64.deb /opt/newer &&
sed -i 's/^Version: .*/Version: 999.0.0/' /opt/newer/DEBIAN/control &&
dpkg-deb --root-owner-group -Znone --build /opt/newer ${NEWER_DEB}`;
/** The archive of a later release: one file differs. */
const CHANGED = "doc/CHANGELOG.md";
const MAKE_NEWER_ARCHIVE = `cp -a /opt/unpacked /opt/newer-archive && cd /opt/newer-archive/* && echo >>${CHANGED} &&
sum=$(sha256sum ${CHANGED}) && sed -i "\\| ${CHANGED}$|s|.*|$sum|" SHA256SUMS`;
const DEB = {
  name: ".deb",
  install: `dpkg -i ${PACKAGES}/*_amd64.deb`,
  upgrade: `dpkg -i ${NEWER_DEB}`,
  remove: "dpkg -r ocir-broker",
};
/** On Debian, rpm's database has none of the rpm's requirements. The upgrade is to the same version, for which the same scripts run. */
const RPM = {
  name: ".rpm",
  install: `rpm -i --nodeps ${PACKAGES}/*.x86_64.rpm`,
  upgrade: `rpm -U --nodeps --replacepkgs ${PACKAGES}/*.x86_64.rpm`,
  remove: "rpm -e --nodeps ocir-broker",
};
const ARCHIVE = {
  name: "archive",
  install: "/opt/unpacked/*/install.sh",
  upgrade: "/opt/newer-archive/*/install.sh",
  remove: "/usr/local/bin/ocir-broker node remove",
};

describeUnless(cannotPackage() ?? canBootSystemd(), "on a node", () => {
  let root: SystemdRoot;

  /** Rejects with the output if it fails. */
  const expectDone = (command: string) => root.run("sh", ["-c", command], { timeoutMs: INSTALL_LIMIT_MS });

  beforeAll(async () => {
    await buildPackages();
    root = await bootSystemd();
    await expectDone(`mkdir /opt/unpacked && tar xzf ${PACKAGES}/*linux-amd64.tar.gz -C /opt/unpacked`);
    await expectDone(MAKE_NEWER_DEB);
    await expectDone(MAKE_NEWER_ARCHIVE);
    await startSimulator(root);
    // For the checkout's Node alone: the packages bring their own.
    await expectDone(`mkdir ${LIBRARIES} && mv /usr/lib/*-linux-gnu/libatomic.so.1* ${LIBRARIES}`);
    return () => root.powerOff();
  }, BUILD_LIMIT_MS);

  beforeEach(() => root.write("/etc/ocir-broker/config.yaml", CONFIG));

  async function pull(): Promise<Record<string, { password: string }>> {
    const { auth } = JSON.parse(await root.run(PLUGIN, [], { input: REQUEST }));
    return auth;
  }

  async function isThere(path: string): Promise<boolean> {
    return (await root.exec("test", ["-e", path])).exitCode === 0;
  }

  describe.each([DEB, RPM, ARCHIVE])("the $name", (way) => {
    afterEach(async () => {
      if (await isThere("/usr/libexec/ocir-broker")) await expectDone(way.remove);
      await expectDone(`rm -rf ${PLUGIN} ${KUBELET_CONFIG_PATH} /var/lib/ocir-broker`);
    });

    it("replaces an earlier plugin, upgrades under load with no failed call, and restores the plugin", async () => {
      root.write(PLUGIN, EARLIER_PLUGIN, 0o755);
      await expectDone(way.install);
      for (const [link, name] of Object.entries(LINKS)) {
        expect(await root.run("readlink", [link])).toBe(`/usr/libexec/ocir-broker/current/${name}`);
      }
      expect((await pull())[HOST]?.password).toMatch(/^ey/);
      expect(await root.run("systemctl", ["is-enabled", "ocir-broker.socket", "ocir-broker.service"])).toBe(
        "enabled\nenabled",
      );
      expect(await root.run("ls", ["/etc/systemd/system/kubelet.service.wants"])).toBe("ocir-broker.service");
      expect(await root.run("stat", ["-c", "%a %U:%G", "/run/ocir-broker-metrics"])).toBe(
        "775 root:ocir-broker-daemon",
      );

      await expectUpgradeUnnoticed();

      await expectDone(way.remove);
      expect(await root.run(PLUGIN)).toBe("the earlier plugin");
      expect(await root.run("stat", ["-c", "%F %a", PLUGIN])).toBe("regular file 755");
      const gone = [...LEFT_BY_NONE, ...Object.keys(LINKS).filter((link) => link !== PLUGIN)];
      expect((await root.exec("ls", ["-d", ...gone])).stdout).toBe("");
      expect(await root.exec("systemctl", ["is-active", "ocir-broker.service", "ocir-broker.socket"])).toMatchObject({
        stdout: "inactive\ninactive\n",
      });
      expect(await root.run("sh", ["-c", "ls -A /etc/systemd/system/*.wants | grep ocir-broker || true"])).toBe("");
      expect(await isThere("/etc/ocir-broker/config.yaml")).toBe(true);
    });

    /** No call fails, the service restarts once, and the cloud gets no request. */
    async function expectUpgradeUnnoticed(): Promise<void> {
      await control(root, "/reset");
      const [socketSince, before] = await Promise.all([
        root.property("ocir-broker.socket", "ActiveEnterTimestampMonotonic"),
        root.property("ocir-broker.service", "MainPID"),
      ]);
      const upgrade = () => expectDone(`sleep 1; ${way.upgrade} && sleep 1`);
      const load = { image: IMAGE, env: { LD_LIBRARY_PATH: LIBRARIES } };
      const { calls, failures, tokens } = await underLoad(root, upgrade, load);
      expect(calls).toBeGreaterThan(20);
      expect([failures, tokens]).toEqual([[], [expect.stringMatching(/^ey/)]]);
      expect(await root.property("ocir-broker.service", "MainPID")).not.toBe(before);
      expect(await root.property("ocir-broker.socket", "ActiveEnterTimestampMonotonic")).toBe(socketSince);
      expect((await upstreamRequests(root))["registry.token"] ?? 0).toBe(0);
    }

    it("does not re-enable disabled units, and leaves a plugin of its own while a kubelet's unit names it", async () => {
      root.write(KUBELET_CONFIG_PATH, KUBELET_CONFIG);
      const unit = "/etc/systemd/system/kubelet.service.d/10-flags.conf";
      root.write(unit, `KUBELET_EXTRA_ARGS="${KUBELET_FLAGS}"\n`);
      await expectDone(way.install);
      await root.run("systemctl", ["disable", "--now", "ocir-broker.service", "ocir-broker.socket"]);
      await expectDone(way.upgrade);
      expect(await root.exec("systemctl", ["is-enabled", "ocir-broker.socket"])).toMatchObject({
        stdout: "disabled\n",
      });
      expect(await root.property("ocir-broker.socket", "ActiveState")).toBe("inactive");
      await expectDone(way.remove);
      await root.run("rm", [unit]);
      expect(await root.run("stat", ["-c", "%F", PLUGIN])).toBe("regular file");
      expect(await pull()).toEqual({});
      // The next installation knows the plugin, and the next removal deletes it, because no kubelet names it any more.
      await root.run("rm", [KUBELET_CONFIG_PATH]);
      await expectDone(way.install);
      await expectDone(way.remove);
      expect(await isThere(PLUGIN)).toBe(false);
    });
  });

  it("the cloud-init script connects the .deb of its version, and the archive refuses to replace it; a purge removes all", async () => {
    root.write("/usr/bin/kubelet", "#!/bin/sh\necho Kubernetes v1.33.1\n", 0o755);
    await expectDone(DEB.install);
    const refused = await root.exec("sh", ["-c", ARCHIVE.install]);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("package: ") });
    const run = (version: string) =>
      root.exec("sh", ["-c", `sed "s/^version=.*/version=${version}/" ${NODE_SCRIPT} | sh`], {
        env: { OCIR_BROKER_BOOTSTRAP: "running", OCI_METADATA_BASE_URL: "http://127.0.0.1:18081/opc/v2" },
      });
    const other = await run("9.9.9");
    expect(other).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("no ocir-broker: checksum: ") });
    expect([await isThere(DEFAULT_CONFIG), Object.keys(await pull())[0]]).toEqual([false, HOST]);
    const same = await run("0.1.0");
    expect(same.exitCode, same.stderr).toBe(0);
    expect([await isThere(DEFAULT_CONFIG), Object.keys(await pull())[0]]).toEqual([true, HOST]);
    await expectDone("dpkg --purge ocir-broker");
    expect((await root.exec("ls", ["-d", DEFAULT_CONFIG, "/etc/ocir-broker"])).stdout).toBe("");
    expect(await root.exec("dpkg-query", ["-W", "ocir-broker"])).toMatchObject({ exitCode: 1 });
  });

  it("the Node of the DaemonSet's image starts through the descriptor that enter-node opens", async () => {
    const image = "/opt/checkout/packages/packaging/build/daemonset/amd64";
    const start = `exec 100<${image}; exec /proc/self/fd/100/ocir-broker/node --version`;
    expect(await root.run("bash", ["-c", start])).toMatch(/^v26\./);
  });
});
