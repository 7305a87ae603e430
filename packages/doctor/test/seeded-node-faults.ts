/** Seeded faults of the node: kubelet, plugin, socket, daemon, SELinux. */
import { chmodSync, renameSync, symlinkSync } from "node:fs";
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { createRunProgram, type ProgramResult, type ProgramRun } from "@ocir-broker/node/program-run";
import { printed } from "@ocir-broker/node/test/program-double";
import {
  type BrokenNode,
  credentials,
  KUBELET_FLAGS,
  listen,
  OUR_PROVIDER,
  PLUGIN,
  responseScript,
  statusResponse,
  withConfig,
} from "./broken-node.ts";
import type { Break, SeededFault } from "./seeded-fault.ts";

const CREDENTIALS_SOCKET = "/run/ocir-broker/credentials.sock";
const CONFIG_STATUS = { path: "/etc/ocir-broker/config.yaml", error: null, errorPlaces: [], needRestart: [] };

const withMode =
  (path: string, mode: number): Break =>
  ({ root }) =>
    chmodSync(join(root, path), mode);

const withPlugin =
  (script: string): Break =>
  (node) =>
    node.plugin(script);

const withProvider =
  (part: string, changed: string): Break =>
  (node) =>
    node.providers(OUR_PROVIDER.replace(part, changed));

function withoutSockets(node: BrokenNode): void {
  node.remove(CREDENTIALS_SOCKET);
  node.remove("/run/ocir-broker/health.sock");
  node.plugin("echo 'ocir-broker: shim-socket-missing: x' >&2; exit 1");
}

const withLogin =
  (path: string): Break =>
  (node) =>
    node.write(path, JSON.stringify({ auths: { "https://iad.ocir.io/v2/": {}, "example.com": {} } }));

const onCriO = (node: BrokenNode) =>
  node.kubelet(...KUBELET_FLAGS, "--container-runtime-endpoint=unix:///run/crio/crio.sock");

export const NODE_FAULTS: readonly SeededFault[] = [
  [
    "broker-config-invalid",
    "the broker's configuration is not valid",
    () => ({ configError: "/etc/ocir-broker/config.yaml is not valid" }),
  ],
  ["socket-missing", "the credentials socket is not there", withoutSockets],
  ["socket-not-socket", "a file stands in the socket's place", (node) => node.write(CREDENTIALS_SOCKET, "")],
  ["socket-mode", "everyone may ask for tokens", withMode(CREDENTIALS_SOCKET, 0o666)],
  ["socket-owner", "somebody else owns the socket", () => ({ ownerId: 4_711 })],
  ["socket-directory", "everyone may replace the socket", withMode("/run/ocir-broker", 0o777)],
  ["socket-directory", "the group may replace the socket", withMode("/run/ocir-broker", 0o770)],
  [
    "switched-off",
    "ocir-broker disable has been run",
    (node) => {
      node.write("/etc/ocir-broker/disabled", "2026-11-25T20:00:00Z\n");
      node.remove("/run/ocir-broker");
      node.plugin(responseScript({}), "0 (does nothing)");
    },
  ],
  [
    "not-installed",
    "ocir-broker is not installed",
    (node) => {
      node.remove("/run/ocir-broker");
      node.remove(PLUGIN);
      node.kubelet("--v=2");
    },
    ["kubelet-flags-missing"],
  ],
  [
    "unit-masked",
    "the units are masked",
    (node) => {
      node.write("/etc/systemd/system/other", "");
      symlinkSync("/dev/null", join(node.root, "/etc/systemd/system/ocir-broker.socket"));
      withoutSockets(node);
    },
  ],
  ["daemon-down", "the daemon does not run", (node) => node.remove("/run/ocir-broker/health.sock")],
  [
    "daemon-down",
    "the daemon has left its socket behind",
    async ({ root }) => {
      const [path, other] = ["health.sock", "other.sock"].map((name) => join(root, "/run/ocir-broker", name));
      const server = createTcpServer();
      await new Promise<void>((resolve) => server.listen(other, resolve));
      // Closing the server removes only the path that it listened on.
      renameSync(String(other), String(path));
      await new Promise((resolve) => server.close(resolve));
    },
  ],
  [
    "daemon-stuck",
    "the daemon closes every connection",
    ({ root, config }) => listen(root, config.sockets.health, ({ socket }) => void socket.destroy()),
  ],
  [
    "daemon-config",
    "the daemon cannot read its configuration",
    withStatus({ config: { ...CONFIG_STATUS, error: "config-unreadable" } }),
  ],
  [
    "daemon-restart-needed",
    "the daemon has not been restarted after a change",
    withStatus({ config: { ...CONFIG_STATUS, needRestart: ["proxy.https"] } }),
  ],
  [
    "broker-config-invalid",
    "a reload has failed, and the daemon uses the previous configuration",
    async (node) => {
      await withStatus({ config: { ...CONFIG_STATUS, inForce: "before", error: "config-invalid" } })(node);
      // The valid part of the new file would lead doctor to an address that nobody uses.
      const { config } = withConfig(node, { registries: { endpoints: { "iad.ocir.io": "http://127.0.0.1:1" } } });
      return { config, configError: "/etc/ocir-broker/config.yaml is not valid" };
    },
    ["daemon-config"],
  ],
  [
    "metrics-not-written",
    "the folder of the metrics is missing",
    withStatus({ unwritten: { metrics: "ENOENT", state: null } }),
  ],
  ["state-not-written", "/run is full", withStatus({ unwritten: { metrics: null, state: "ENOSPC" } })],
  [
    "service-account-failed",
    "the identity domain does not trust the cluster",
    withStatus({ serviceAccountFailures: [{ account: "shop/puller", code: "domain-token-refused", secondsAgo: 20 }] }),
  ],
  ["daemon-version", "the daemon is of another release", withStatus({ version: "1.0.0" })],
  ["daemon-starting", "the daemon has no token yet", withStatus({ status: "starting" })],
  [
    "daemon-degraded",
    "the daemon's renewals fail",
    withStatus({ status: "degraded", registries: { "iad.ocir.io": { lastFailure: "tls", failuresInARow: 3 } } }),
  ],
  ["kubelet-not-running", "no kubelet runs", (node) => node.remove("/proc/4242")],
  [
    "kubelet-config-field-unknown",
    "the kubelet cannot start, because of its credential provider configuration",
    (node) => {
      node.remove("/proc/4242");
      node.write("/etc/default/kubelet", `KUBELET_EXTRA_ARGS="--v=2 ${KUBELET_FLAGS.join(" ")}"\n`);
      node.providers(`${OUR_PROVIDER}\n    cacheKeyType: Registry`);
    },
    ["kubelet-not-running"],
  ],
  ["kubelet-flags-missing", "the kubelet has no flags", (node) => node.kubelet("--v=2")],
  ["kubelet-flags-incomplete", "the kubelet has one of the flags", (node) => node.kubelet(String(KUBELET_FLAGS[0]))],
  [
    "kubelet-extra-args-swallowed",
    "cloud-init passes the flags with an equals sign",
    (node) => {
      node.kubelet("--v=2");
      const script = `bash /var/run/oke-init.sh --kubelet-extra-args="${KUBELET_FLAGS.join(" ")}"\n`;
      node.write("/var/lib/cloud/instance/user-data.txt", script);
    },
  ],
  [
    "kubelet-not-restarted",
    "the kubelet was not restarted",
    (node) => {
      node.kubelet("--v=2");
      const setting = `[Service]\nEnvironment=KUBELET_EXTRA_ARGS="${KUBELET_FLAGS.join(" ")}"\n`;
      node.write("/etc/systemd/system/kubelet.service.d/kubelet-extra-args.conf", setting);
    },
  ],
  ["kubelet-version-unknown", "the kubelet does not tell its version", (node) => node.remove("/usr/bin/kubelet")],
  [
    "path-untrusted",
    "others may change the kubelet's program",
    withMode("/usr/bin/kubelet", 0o775),
    ["kubelet-version-unknown"],
  ],
  ["path-untrusted", "others may change the credential provider configuration", withMode("/etc/kubernetes", 0o757)],
  ["path-untrusted", "others may change the plugin", withMode("/usr/local", 0o777)],
  [
    "kubelet-config-missing",
    "the credential provider configuration is missing",
    (node) => node.remove("/etc/kubernetes/credential-provider-config.yaml"),
  ],
  ["kubelet-config-host-form-missing", "matchImages lacks a host form", withProvider(', "ocir.*.oci.*.*"', "")],
  [
    "image-not-matched",
    "matchImages has a port",
    withProvider('"*.ocir.io"', '"*.ocir.io:443"'),
    ["kubelet-config-match-image-port"],
  ],
  [
    "kubelet-config-provider-missing",
    "our credential provider is not in the configuration",
    (node) => {
      node.write("/usr/local/bin/acr", "#!/bin/sh\n", 0o755);
      withProvider("credential-provider-oke", "acr")(node);
    },
    ["image-not-matched"],
  ],
  ["kubelet-config-not-understood", "the configuration has an anchor", withProvider("name: ", "name: &ours ")],
  [
    "kubelet-config-provider-overlap",
    "another credential provider is asked first",
    (node) => {
      node.write("/usr/local/bin/acr", "#!/bin/sh\n", 0o755);
      node.providers(OUR_PROVIDER.replace("credential-provider-oke", "acr"), OUR_PROVIDER);
    },
    ["other-plugin-first"],
  ],
  ["other-login", "the kubelet has a login of its own", withLogin("/var/lib/kubelet/config.json")],
  [
    "other-login",
    "CRI-O's global file has a login",
    (node) => {
      onCriO(node);
      node.write(
        "/etc/crio/crio.conf",
        '[crio.image]\n# global_auth_file = "/none"\nglobal_auth_file = "/etc/old.json"\n',
      );
      node.write("/etc/crio/crio.conf.d/10-auth.conf", '[crio.image]\nglobal_auth_file = "/etc/crio/auth.json"\n');
      withLogin("/etc/crio/auth.json")(node);
    },
  ],
  [
    "other-login",
    "root's file has a login, which CRI-O reads",
    (node) => {
      onCriO(node);
      withLogin("/root/.docker/config.json")(node);
    },
  ],
  ["plugin-missing", "the plugin is not there", (node) => node.remove(PLUGIN)],
  ["plugin-not-executable", "the plugin is not executable", withMode(PLUGIN, 0o644)],
  [
    "plugin-not-executable",
    "the plugin's interpreter is not there",
    (node) => node.write(PLUGIN, "#!/no/such/program\n", 0o755),
    ["plugin-failed"],
  ],
  [
    "plugin-foreign",
    "the plugin is Oracle's own",
    (node) => node.write(PLUGIN, "#!/bin/sh\necho v0.1.1\n", 0o755),
    ["plugin-response-garbage"],
  ],
  [
    "plugin-version",
    "the plugin is of another release",
    (node) => node.plugin(responseScript(credentials("")), "0.9.0"),
  ],
  ["plugin-response-empty", "the plugin says nothing", withPlugin("cat > /dev/null")],
  ["plugin-response-garbage", "the plugin logs on stdout", withPlugin("cat > /dev/null; echo loading; echo '{}'")],
  ["plugin-response-anonymous", "the plugin has no credentials", withPlugin(responseScript({}))],
  [
    "plugin-failed",
    "the plugin fails",
    withPlugin("echo 'ocir-broker: shim-no-daemon: no daemon; start it' >&2; exit 1"),
  ],
  [
    "plugin-silent",
    "the plugin hangs",
    () => ({
      runProgram: async ({ args, path }: ProgramRun): Promise<ProgramResult> => {
        if (path.endsWith("kubelet")) return printed("Kubernetes v1.33.1\n");
        return args[0] === "--version" ? printed("credential-provider-oke 1.2.3\n") : { silent: true };
      },
    }),
  ],
  ["selinux-label", "SELinux would keep services out", withLabel("1")],
  ["selinux-label-permissive", "SELinux is permissive", withLabel("0")],
];

export function withStatus(changed: object): Break {
  return ({ root, config }) => listen(root, config.sockets.health, statusResponse(changed));
}

/** Labels need a file system and a policy that support them, so this program stands in for `stat`. */
function withLabel(enforce: string): Break {
  return (node) => {
    node.write("/sys/fs/selinux/enforce", enforce);
    const runProgram = createRunProgram(node.clock);
    return {
      runProgram: (run: ProgramRun) =>
        run.path === "stat" ? printed("unconfined_u:object_r:user_tmp_t:s0\n") : runProgram(run),
    };
  };
}
