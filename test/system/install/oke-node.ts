/**
 * A worker node during its first boot: systemd, the metadata service at its own address, a bucket, a kubelet, and the stand-ins of
 * first-boot/fakes for OKE's bootstrap scripts.
 */
import { join } from "node:path";
import { NODE, startSimulator } from "../simulated-node.ts";
import { bootSystemd } from "../systemd-root/systemd-root.ts";
import type { Archive, Archives } from "./archives.ts";
import { BROKER, checkArguments, flagIn } from "./running-kubelet.ts";

export const SCRIPT = "/opt/checkout/cloud-init/ocir-broker-node.sh";
export const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
export const PLUGIN = "/usr/local/bin/credential-provider-oke";
export const PROGRAM = "/usr/libexec/ocir-broker/current/ocir-broker";
export const BUCKET = "http://127.0.0.1:18090/n/tenancy/b/bucket/o/";
/** The output of `kubelet --version`. */
export const KUBELET_VERSION = "/etc/kubelet-version";

/** Longer than an installation on a busy machine. */
const INSTALL_LIMIT_MS = 300_000;

const BROKER_CONFIG = `
registries: {endpoints: {us-ashburn-1.ocir.io: "http://127.0.0.1:18080"}}
auth: {endpoint: "http://127.0.0.1:18082"}
`;

/** Calls a stand-in for one of OKE's bootstraps, which records the kubelet's arguments and its call. No kubelet needs credentials. */
const callFake = (name: string): string =>
  `export PATH=/opt/checkout/test/system/first-boot/fakes:$PATH KUBECONFIG=/dev/null; exec ${name} "$@"\n`;
const KUBELET_ARGS = "/run/kubelet-args";

/** A node before any installation. */
export async function bootNode(archives: Archives) {
  const root = await bootSystemd({
    files: [
      { from: { text: `#!/bin/sh\ncat ${KUBELET_VERSION}\n` }, to: "/usr/bin/kubelet", mode: 0o755 },
      { from: { text: BROKER_CONFIG }, to: "/etc/ocir-broker/config.yaml" },
    ],
  });
  await root.run("ip", ["address", "add", "169.254.169.254/32", "dev", "lo"]);
  await root.run("systemd-run", [
    ...["--quiet", "--unit", "object-storage", NODE],
    ...["/opt/checkout/test/system/serve-folder.mjs", "/opt/checkout/dist/test-install/good", "127.0.0.1", "18090"],
  ]);

  /** Resets the node to the state before any installation. */
  async function renew(): Promise<void> {
    const { stdout } = await root.exec("sh", ["-c", CLEAN]);
    if (stdout !== "") throw new Error(stdout);
    root.write("/etc/ocir-broker/config.yaml", BROKER_CONFIG);
    root.write(KUBELET_VERSION, "Kubernetes v1.33.1\n");
  }

  /** As images of Ubuntu; every node has `oke-init`. */
  const addOkeBootstrap = () => root.write("/usr/bin/oke", `#!/bin/sh\n${callFake("oke")}`, 0o755);

  /** Runs the cloud-init script to its end. */
  async function install(settings: Readonly<Record<string, string>>, args: readonly string[] = []) {
    await root.run("rm", ["-f", KUBELET_ARGS]);
    const result = await root.exec("sh", [SCRIPT, ...args], { env: settings, timeoutMs: INSTALL_LIMIT_MS });
    return { ...result, kubelet: await kubelet() };
  }

  /** @returns the folder with the archive's files. */
  async function unpack({ folder }: Archive): Promise<string> {
    const unpacked = "/opt/unpacked";
    const command = `rm -rf ${unpacked} && mkdir ${unpacked} && tar xzf "$0"/*.tar.gz -C ${unpacked} && echo ${unpacked}/*`;
    return root.run("sh", ["-c", command, folder]);
  }

  /** Runs the `install.sh` of an archive, without the cloud-init script. */
  async function installByHand(archive: Archive): Promise<void> {
    await root.run(`${await unpack(archive)}/install.sh`);
  }

  /** The command that installs the archive, unpacked, and connects the kubelet. */
  async function installCommand(): Promise<[program: string, ...args: string[]]> {
    const folder = await unpack(archives.good);
    return [`${folder}/ocir-broker`, "node", "install", "--from", folder, "--connect"];
  }

  /** Rejects with the program's output if it fails. */
  async function installAndConnect(): Promise<void> {
    const [program, ...args] = await installCommand();
    await root.run(program, args);
  }

  /** `ocir-broker node …` of the installed program. */
  const runNode = (...args: string[]) => root.exec(PROGRAM, ["node", ...args]);

  async function snapshot(): Promise<string> {
    const { stdout } = await root.exec("sh", ["-c", SNAPSHOT]);
    // The installer may write its own files again, with the same content.
    return stdout.replace(/^(\S*(?:ocir-broker|copies\.json)\S* .*?)\d+\.\d{10} /gm, "$1");
  }

  /** The kubelet's arguments; undefined if the node was not bootstrapped. */
  async function kubelet(): Promise<string[] | undefined> {
    const { stdout } = await root.exec("cat", [KUBELET_ARGS]);
    return stdout === "" ? undefined : stdout.trim().split(/\s+/);
  }

  /** The error that prevents a kubelet's start with these words; empty if it starts. */
  async function errorOf(words: readonly string[]): Promise<string> {
    const config = flagIn(words, "--image-credential-provider-config");
    const binDir = flagIn(words, "--image-credential-provider-bin-dir");
    if (config === undefined && binDir === undefined) return "";
    if (config === undefined || binDir === undefined) return "only one of the two flags is given";
    const version = root.read(KUBELET_VERSION).toString();
    const { exitCode, stdout, stderr } = await root.exec(BROKER, checkArguments(config, binDir, version));
    return exitCode === 0 ? "" : `${stdout}${stderr}`;
  }

  /** Starts the simulator again, with the metadata key of OKE's bootstrap and these. */
  async function restartSimulator(metadata: Readonly<Record<string, string>> = {}): Promise<void> {
    await stopSimulator();
    const keys = { oke_init_script: Buffer.from(callFake("oke-init.sh")).toString("base64"), ...metadata };
    const flags = Object.entries(keys).flatMap(([key, value]) => ["--instance-metadata", `${key}=${value}`]);
    await startSimulator(root, "--metadata", "169.254.169.254:80", ...flags);
  }

  const stopSimulator = () => root.exec("systemctl", ["stop", "simulator"]);

  await restartSimulator();
  return {
    ...{ root, archives, renew, addOkeBootstrap, install, unpack, installByHand, installCommand, installAndConnect },
    ...{ runNode, snapshot, kubelet, errorOf, restartSimulator, stopSimulator },
  };
}

export type OkeNode = Awaited<ReturnType<typeof bootNode>>;
export type Run = Awaited<ReturnType<OkeNode["install"]>>;

/**
 * Everything that an installation could change. For each file: kind, mode, owner, size, a link's target, time, content. Copies under
 * other names. The units' states.
 */
const SNAPSHOT = `
find /etc/kubernetes /etc/ocir-broker /etc/systemd/system /etc/default /usr/local/bin /usr/local/libexec /usr/libexec \\
  /usr/lib/systemd/system /usr/lib/sysusers.d /usr/lib/tmpfiles.d /var/lib/ocir-broker /opt/plugins \\
  ! -type d -printf '%p %y %m %U:%G %s %l %T@ ' -exec sh -c 'if [ -L "$1" ]; then echo; else sha256sum <"$1"; fi' sh {} ';' |
  sort
find /etc /opt/plugins /usr /var/lib -name '*.ocir-broker-*'
for state in enabled active; do systemctl is-$state ocir-broker.socket ocir-broker.service kubelet.service; done
`;

const CLEAN = `
systemctl --quiet stop kubelet.service ocir-broker.socket ocir-broker.service
rm -rf /usr/libexec/ocir-broker* /usr/local/bin/* /usr/local/libexec/* /var/lib/ocir-broker* /run/ocir-broker* \\
  /etc/kubernetes /usr/bin/oke /opt/plugins /opt/ocir-broker /run/oke-init.sh /run/kubelet-args /run/tries \\
  /usr/lib/systemd/system/ocir-broker* /usr/lib/systemd/user/ocir-broker* /etc/systemd/system/kubelet.service* /run/kubelet-report.json \\
  /etc/systemd/system/sockets.target.wants /usr/lib/sysusers.d/ocir-broker.conf /usr/lib/tmpfiles.d/ocir-broker.conf
systemctl daemon-reload
systemctl reset-failed
` as const;

export const CLOUD_INIT_FOLDER = join(import.meta.dirname, "../../../cloud-init");
