/**
 * A healthy worker node: the broker, installed from the release's archive; a kubelet with the two flags; the simulator in place
 * of Oracle's services; and a journal with entries.
 */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { DISABLED_FILE } from "@ocir-broker/protocol/contract";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { makeArchives, VERSION } from "../install/archives.ts";
import { HEALTH_SOCKET, OCIR_IMAGES, providerConfig, SERVICE, SHIM, startSimulator } from "../simulated-node.ts";
import { bootSystemd, type InstalledFile, type SystemdRoot } from "../systemd-root/systemd-root.ts";

/** All names that the pages and the installer's check use. There is no DNS here, unlike on a node. */
const HOSTS = ["iad.ocir.io", "us-ashburn-1.ocir.io", "icn.ocir.io"];
const CONFIG = `
registries:
  prefetch: [iad.ocir.io]
  endpoints: {${HOSTS.map((host) => `${host}: "http://127.0.0.1:18080"`).join(", ")}}
auth: {endpoint: "http://127.0.0.1:18082"}
`;
const ARCHIVE = `ocir-broker-${VERSION}-linux-amd64`;

const REQUEST = credentialProviderRequest({ image: "iad.ocir.io/acme/shop/web" });
const PROVIDERS_PATH = "/etc/kubernetes/credential-provider-config.yaml";
const PROVIDERS = providerConfig(
  { name: "credential-provider-oke", matchImages: OCIR_IMAGES },
  { name: "other-provider", matchImages: ["registry.example.com"], defaultCacheDuration: "1h" },
);
/** Log lines of a kubelet whose pulls fail. */
const KUBELET_LOG = [
  "Failed getting credential from external registry credential provider",
  "Failed to register CRI auth plugins",
].join("; echo ");
/** A shell with the kubelet's name: /proc shows the arguments after its script. */
const KUBELET_UNIT = `[Service]
ExecStart=@/usr/libexec/kubelet /usr/bin/kubelet -c "echo ${KUBELET_LOG}; sleep infinity; :" kubelet \\
  --image-credential-provider-config=${PROVIDERS_PATH} --image-credential-provider-bin-dir=/usr/local/bin
KillMode=control-group
`;
/** Root's environment after a login. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const LIMIT_MS = 60_000;

export type NodeStage = Awaited<ReturnType<typeof bootNodeStage>>;

export async function bootNodeStage() {
  const { good } = await makeArchives();
  const folder = temporaryFolder();
  copyFileSync("/bin/sh", join(folder, "kubelet"));
  const files: InstalledFile[] = [
    { from: join(folder, "kubelet"), to: "/usr/libexec/kubelet", mode: 0o755 },
    { from: { text: "#!/bin/sh\necho Kubernetes v1.33.1\n" }, to: "/usr/bin/kubelet", mode: 0o755 },
    { from: { text: KUBELET_UNIT }, to: "/etc/systemd/system/kubelet.service" },
    { from: { text: "#!/bin/sh\n" }, to: "/usr/local/bin/other-provider", mode: 0o755 },
    { from: { text: REQUEST }, to: "/srv/request.json" },
    { from: { text: CONFIG }, to: "/etc/ocir-broker/config.yaml" },
    { from: { text: `${good.sha256}  ${ARCHIVE}.tar.gz\n` }, to: "/srv/SHA256SUMS" },
  ];
  const root = await bootSystemd({ files });
  await root.run("ln", ["-s", `${good.folder}/${ARCHIVE}.tar.gz`, "/srv/"]);
  await root.run("tar", ["-xzf", `/srv/${ARCHIVE}.tar.gz`, "-C", "/opt"]);
  await root.run("ip", ["address", "add", "169.254.169.254/32", "dev", "lo"]);
  await startSimulator(root, "--metadata", "169.254.169.254:80");
  await makeHistory(root);
  return {
    /** Makes the node healthy again before each script. */
    async run(script: string) {
      await renew(root);
      const adapted = script
        .replaceAll("icn.ocir.io", "iad.ocir.io")
        .replace(/<[^<>\s]+>/g, "acme")
        .replace(/^(ocir-broker serve)(?: +#.*)?$/gm, (_line, command) => untilItSpeaks(command));
      if (script === "ocir-broker serve") await root.run("systemctl", ["stop", "ocir-broker.socket", SERVICE]);
      const args = ["-euo", "pipefail", "-c", `cd /srv\n${adapted}`];
      return root.exec("bash", args, { input: REQUEST, timeoutMs: LIMIT_MS, env: { PATH } });
    },
    powerOff: () => root.powerOff(),
  };
}

/** Ends a command that runs forever after its first output, as with Ctrl-C. A daemon removes its sockets' files when it ends. */
function untilItSpeaks(command: string): string {
  return `( coproc { exec ${command} 2>&1; }; said=$COPROC_PID
if read -r line <&"\${COPROC[0]}"; then echo "$line"; kill "$said"; wait "$said" || :; else echo "it says nothing"; exit 1; fi )`;
}

async function renew(root: SystemdRoot): Promise<void> {
  root.write(PROVIDERS_PATH, PROVIDERS);
  root.write("/etc/ocir-broker/config.yaml", CONFIG);
  // The plugin alone may be the file that a removal leaves for the kubelet.
  const installed = await root.exec("test", ["-x", "/usr/libexec/ocir-broker/current/ocir-broker"]);
  if (installed.exitCode !== 0) await root.run(`/opt/${ARCHIVE}/install.sh`);
  const switchedOff = await root.exec("test", ["-e", DISABLED_FILE]);
  if (switchedOff.exitCode === 0) await root.run("/usr/local/bin/ocir-broker", ["enable"]);
  await root.run("systemctl", ["reset-failed"]);
  await root.run("systemctl", ["start", "ocir-broker.socket", SERVICE]);
  // It reads its configuration once.
  await root.run("systemctl", ["restart", "kubelet.service"]);
  await until("the daemon is ready", async () => {
    const ready = ["-sf", "--unix-socket", HEALTH_SOCKET, "http://localhost/readyz"];
    return (await root.exec("curl", ready)).exitCode === 0;
  });
}

/** Fills the journal with what an operator searches for: an error, a killed process, the installer. */
async function makeHistory(root: SystemdRoot): Promise<void> {
  await renew(root);
  // There is no DNS here.
  await root.exec(SHIM, [], { input: REQUEST.replace("iad.ocir.io", "phx.ocir.io") });
  await until("the daemon has logged it", async () => {
    const found = await root.exec("journalctl", ["-u", SERVICE, "-g", "request failed"]);
    return found.exitCode === 0;
  });
  await root.run("systemctl", ["kill", "--signal=KILL", SERVICE]);
  await root.run("systemd-cat", ["--identifier=ocir-broker-node", "echo", "installed"]);
}
