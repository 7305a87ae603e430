/**
 * Does exactly what `ocir-broker node status` prints, until nothing is left to do: the kubelet never fails, and uses ocir-broker at the end.
 * It is a real one where it is built. What is printed in each state: packages/node/src/kubelet-need.test.ts.
 */
import { beforeAll, expect, it } from "vitest";
import { canRunCluster } from "../cluster/can-run-cluster.ts";
import { removeControlGroups } from "../cluster/control-groups.ts";
import { loneKubeletFiles, startRuntime, untilHealthy } from "../cluster/lone-kubelet.ts";
import { NEWEST_MINOR } from "../cluster/programs.ts";
import { describeUnless } from "./describe-unless.ts";
import { type Archive, makeArchives } from "./install/archives.ts";
import { EXTRA_ARGS, STAND_IN_UNIT } from "./install/running-kubelet.ts";
import { startSimulator } from "./simulated-node.ts";
import { bootSystemd, canBootSystemd } from "./systemd-root/index.ts";

const UNIT = "/etc/systemd/system/kubelet.service";
const FLAGS = ["config=/etc/kubernetes/credential-provider-config.yaml", "bin-dir=/usr/local/bin"].map(
  (flag) => `--image-credential-provider-${flag}`,
);
const BROKER_CONFIG =
  'metadata: {baseUrl: "http://127.0.0.1:18081/opc/v2"}\nauth: {endpoint: "http://127.0.0.1:18082"}\n';
const CONNECT = "ocir-broker node connect";
const RESTART = "systemctl daemon-reload; systemctl restart kubelet";
/** A .deb of the archive's files with the real one's scripts, made without its compression. */
const INSTALL_PACKAGE = `mkdir -p /opt/deb/DEBIAN && cp -a /opt/unpacked/*/usr /opt/deb/ &&
for name in postinst prerm postrm; do install -m 755 /opt/checkout/packages/packaging/files/deb-$name /opt/deb/DEBIAN/$name; done &&
printf 'Package: ocir-broker\\nVersion: 1\\nArchitecture: all\\nMaintainer: a\\nDescription: a\\n' >/opt/deb/DEBIAN/control &&
dpkg-deb -Znone --root-owner-group --build /opt/deb /opt/a.deb && dpkg -i /opt/a.deb`;
const MAX_ROUNDS = 5;

const isReal = canRunCluster([NEWEST_MINOR]) === undefined;

type Node = Awaited<ReturnType<typeof bootNode>>;

describeUnless(canBootSystemd(), `the advice of node status, with a ${isReal ? "real" : "stand-in"} kubelet`, () => {
  let archive: Archive;

  beforeAll(async () => {
    archive = (await makeArchives()).good;
  }, 300_000);

  it.each<[state: string, arrange: (node: Node) => Promise<unknown>, isStopped?: true]>([
    ["a package", (node) => node.sh(`${node.unpack} && ${INSTALL_PACKAGE}`)],
    ["an archive", (node) => node.unpackAndInstall()],
    [
      "disconnected",
      async ({ sh, ...node }) => {
        await node.unpackAndInstall();
        await sh(`${CONNECT} --kubelet-flags; ${RESTART}; ocir-broker node disconnect; ${RESTART}`);
      },
    ],
    [
      "with flags that a second bootstrap has removed",
      async (node) => {
        await node.unpackAndInstall();
        await node.sh(`${CONNECT} --kubelet-flags; ${RESTART}`);
        node.setArgs("--v=1");
        await node.sh(RESTART);
      },
    ],
    [
      "with a kubelet that one flag has killed",
      async (node) => {
        await node.unpackAndInstall();
        await node.kill(FLAGS[0] ?? "");
      },
      true,
    ],
  ])("%s", async (_, arrange, isStopped) => {
    const node = await bootNode(archive);
    try {
      await arrange(node);
      if (!isStopped) await untilHealthy(node.root);
      expect(await node.follow(), await node.root.journal("kubelet")).toContain("nothing to do");
      const words = await node.sh("tr '\\0' ' ' </proc/$(systemctl show --property MainPID --value kubelet)/cmdline");
      for (const flag of FLAGS) expect(words).toContain(flag);
      expect(await node.root.property("kubelet", "NRestarts")).toBe("0");
    } finally {
      await node.root.powerOff();
      removeControlGroups();
    }
  });
});

/** With a kubelet that runs without flags. */
async function bootNode(archive: Archive) {
  removeControlGroups();
  const kubelet = isReal
    ? loneKubeletFiles()
    : [
        { from: { text: STAND_IN_UNIT }, to: UNIT },
        { from: { text: "#!/bin/sh\ncat /etc/kubelet-version\n" }, to: "/usr/bin/kubelet", mode: 0o755 },
        { from: { text: "Kubernetes v1.34.1\n" }, to: "/etc/kubelet-version" },
      ];
  const root = await bootSystemd({
    files: [...kubelet, { from: { text: BROKER_CONFIG }, to: "/etc/ocir-broker/config.yaml" }],
  });
  const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const sh = (command: string) => root.run("sh", ["-c", command], { timeoutMs: 300_000, env: { PATH } });
  const unpack = `mkdir /opt/unpacked && tar xzf ${archive.folder}/*.tar.gz -C /opt/unpacked`;
  const setArgs = (args: string) => root.write(EXTRA_ARGS, `[Service]\nEnvironment="KUBELET_EXTRA_ARGS=${args}"\n`);

  /** Carries the lines out, as a person would who only reads. */
  async function obey(lines: readonly string[]): Promise<void> {
    for (const [index, line] of lines.entries()) {
      const [, file, how] = /(\/\S+) (change the line with|with these two lines)/.exec(line) ?? [];
      if (file !== undefined && how?.startsWith("change"))
        root.write(
          file,
          root
            .read(file)
            .toString()
            .replace(/^.*KUBELET_EXTRA_ARGS=.*$/m, String(lines[index + 1]).trim()),
        );
      else if (file !== undefined) root.write(file, `${lines[index + 1]}\n${lines[index + 2]}\n`);
      const command = /(?:ocir-broker node|systemctl daemon-reload)[^(]*/.exec(line)?.[0];
      if (command !== undefined) await sh(command);
    }
  }

  const node = {
    root,
    sh,
    setArgs,
    unpack,
    unpackAndInstall: () => sh(`${unpack} && /opt/unpacked/*/install.sh`),
    async kill(args: string): Promise<void> {
      setArgs(args);
      await sh(`${RESTART}; until systemctl -q is-failed kubelet; do sleep 0.1; done`);
    },
    /** @returns all that was printed. */
    async follow(): Promise<string> {
      const printed: string[] = [];
      for (let round = 1; round <= MAX_ROUNDS; round += 1) {
        const status = await sh("ocir-broker node status");
        const lines = status.split("\n").flatMap((line) => /^kubelet: (.*)/.exec(line)?.[1] ?? []);
        printed.push(...lines);
        if (lines[0]?.startsWith("nothing to do")) break;
        await obey(lines);
        // Nothing that is printed stops a kubelet, and what starts one starts it.
        if (lines[0] !== "it does not run" || status.includes("systemctl")) await untilHealthy(root);
      }
      return printed.join("\n");
    },
  };
  try {
    await startSimulator(root);
    if (isReal) await startRuntime(root);
    setArgs("--v=1");
    await sh(RESTART);
    await untilHealthy(root);
    return node;
  } catch (error) {
    await root.powerOff();
    throw error;
  }
}
