/** Seeded faults of the node: kubelet, plugin, socket, daemon, SELinux. */
import { chmodSync, renameSync, rmSync } from "node:fs";
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ProgramResult, ProgramRun } from "../src/node/program-run.ts";
import { answerScript, answerStatus, credentials, KUBELET_FLAGS, listen, OUR_PROVIDER, PLUGIN } from "./broken-node.ts";
import type { Break, SeededFault } from "./seeded-fault.ts";

export const NODE_FAULTS: readonly SeededFault[] = [
  [
    "broker-config-invalid",
    "the broker's configuration is not valid",
    () => ({ configFault: "/etc/ocir-broker/config.yaml is not valid" }),
  ],
  ["socket-missing", "the credentials socket is not there", (node) => node.remove("/run/ocir-broker/credentials.sock")],
  [
    "socket-not-socket",
    "a file stands in the socket's place",
    (node) => node.write("/run/ocir-broker/credentials.sock", ""),
  ],
  [
    "socket-mode",
    "everyone may ask for tokens",
    ({ root }) => chmodSync(join(root, "/run/ocir-broker/credentials.sock"), 0o666),
  ],
  ["socket-owner", "somebody else owns the socket", () => ({ ownerId: 4_711 })],
  [
    "socket-directory",
    "everyone may replace the socket",
    ({ root }) => chmodSync(join(root, "/run/ocir-broker"), 0o777),
  ],
  [
    "socket-directory",
    "the group may replace the socket",
    ({ root }) => chmodSync(join(root, "/run/ocir-broker"), 0o770),
  ],
  [
    "switched-off",
    "ocir-broker disable has been run",
    (node) => {
      node.write("/etc/ocir-broker/disabled", "2026-11-25T20:00:00Z\n");
      node.remove("/run/ocir-broker");
      node.plugin(answerScript({}), "0 (does nothing)");
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
    async ({ root }) => {
      rmSync(join(root, "/run/ocir-broker/health.sock"));
      const server = createTcpServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => server.listen(join(root, "/run/ocir-broker/health.sock"), resolve));
      onTestFinished(() => void server.close());
    },
  ],
  [
    "daemon-config",
    "the daemon cannot read its configuration",
    withStatus({
      config: { path: "/etc/ocir-broker/config.yaml", error: "config-unreadable", faultyPlaces: [], needRestart: [] },
    }),
  ],
  [
    "daemon-restart-needed",
    "the daemon has not been restarted after a change",
    withStatus({
      config: {
        path: "/etc/ocir-broker/config.yaml",
        error: null,
        faultyPlaces: [],
        needRestart: ["proxy.https"],
      },
    }),
  ],
  [
    "service-account-failed",
    "the identity domain does not trust the cluster",
    withStatus({ serviceAccountFailure: { code: "domain-token-refused", secondsAgo: 20 } }),
  ],
  ["daemon-version", "the daemon is of another release", withStatus({ version: "1.0.0" })],
  ["daemon-starting", "the daemon has no token yet", withStatus({ status: "starting" })],
  [
    "daemon-degraded",
    "the daemon's renewals fail",
    withStatus({
      status: "degraded",
      registries: { "iad.ocir.io": { lastFailure: "registry-throttled", failuresInARow: 3 } },
    }),
  ],
  ["kubelet-not-running", "no kubelet runs", (node) => node.remove("/proc/4242")],
  [
    "kubelet-config-field-unknown",
    "the kubelet cannot start, because of its provider configuration",
    (node) => {
      node.remove("/proc/4242");
      node.write("/etc/default/kubelet", `KUBELET_EXTRA_ARGS="--v=2 ${KUBELET_FLAGS.join(" ")}"\n`);
      node.providers(`${OUR_PROVIDER}\n    cacheKeyType: Registry`);
    },
    ["kubelet-not-running"],
  ],
  ["kubelet-flags-missing", "the kubelet has no flags", (node) => node.kubelet("--v=2")],
  [
    "kubelet-flags-incomplete",
    "the kubelet has only one of the flags",
    (node) => node.kubelet(String(KUBELET_FLAGS[0])),
  ],
  [
    "kubelet-extra-args-swallowed",
    "cloud-init passes the flags with an equals sign",
    (node) => {
      node.kubelet("--v=2");
      node.write(
        "/var/lib/cloud/instance/user-data.txt",
        `#!/bin/bash\nbash /var/run/oke-init.sh --kubelet-extra-args="${KUBELET_FLAGS.join(" ")}"\n`,
      );
    },
  ],
  [
    "kubelet-not-restarted",
    "the kubelet was not restarted",
    (node) => {
      node.kubelet("--v=2");
      node.write(
        "/etc/systemd/system/kubelet.service.d/kubelet-extra-args.conf",
        `[Service]\nEnvironment=KUBELET_EXTRA_ARGS="${KUBELET_FLAGS.join(" ")}"\n`,
      );
    },
  ],
  ["kubelet-version-unknown", "the kubelet does not tell its version", (node) => node.remove("/usr/bin/kubelet")],
  [
    "path-untrusted",
    "others may change the kubelet's program",
    ({ root }) => chmodSync(join(root, "/usr/bin/kubelet"), 0o775),
    ["kubelet-version-unknown"],
  ],
  [
    "path-untrusted",
    "others may change the provider configuration",
    ({ root }) => chmodSync(join(root, "/etc/kubernetes"), 0o757),
  ],
  ["path-untrusted", "others may change the plugin", ({ root }) => chmodSync(join(root, "/usr/local"), 0o777)],
  [
    "kubelet-config-missing",
    "the provider configuration is missing",
    (node) => node.remove("/etc/kubernetes/credential-provider-config.yaml"),
  ],
  [
    "kubelet-config-field-unknown",
    "the provider configuration has a field that 1.32 and later refuse",
    (node) => node.providers(`${OUR_PROVIDER}\n    cacheKeyType: Registry`),
  ],
  [
    "kubelet-config-host-form-missing",
    "matchImages lacks a host form",
    (node) => node.providers(OUR_PROVIDER.replace(', "ocir.*.oci.*.*"', "")),
  ],
  [
    "kubelet-config-match-image-path-glob",
    "matchImages has a glob in the path",
    (node) => node.providers(OUR_PROVIDER.replace('"*.ocir.io"', '"*.ocir.io/*"')),
    ["image-not-matched"],
  ],
  [
    "image-not-matched",
    "matchImages has a port",
    (node) => node.providers(OUR_PROVIDER.replace('"*.ocir.io"', '"*.ocir.io:443"')),
    ["kubelet-config-match-image-port"],
  ],
  [
    "kubelet-config-provider-missing",
    "our provider is not in the configuration",
    (node) => node.providers(OUR_PROVIDER.replace("credential-provider-oke", "kubelet")),
    ["kubelet-config-provider-executable-missing", "image-not-matched"],
  ],
  [
    "kubelet-config-not-understood",
    "the configuration has an anchor",
    (node) => node.providers(OUR_PROVIDER.replace("name: ", "name: &ours ")),
  ],
  [
    "other-plugin-first",
    "another provider is asked first",
    (node) => {
      node.write("/usr/local/bin/acr", "#!/bin/sh\n", 0o755);
      node.providers(OUR_PROVIDER.replace("credential-provider-oke", "acr"), OUR_PROVIDER);
    },
    ["kubelet-config-provider-overlap"],
  ],
  [
    "plugin-missing",
    "the plugin is not there",
    (node) => node.remove(PLUGIN),
    ["kubelet-config-provider-executable-missing"],
  ],
  [
    "plugin-not-executable",
    "the plugin is not executable",
    ({ root }) => chmodSync(join(root, PLUGIN), 0o644),
    ["kubelet-config-provider-executable-missing"],
  ],
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
    ["plugin-answer-garbage"],
  ],
  ["plugin-version", "the plugin is of another release", (node) => node.plugin(answerScript(credentials("")), "0.9.0")],
  ["plugin-answer-empty", "the plugin says nothing", (node) => node.plugin("cat > /dev/null")],
  [
    "plugin-answer-garbage",
    "the plugin logs on stdout",
    (node) => node.plugin("cat > /dev/null; echo loading; echo '{}'"),
  ],
  [
    "plugin-answer-garbage",
    "the plugin's answer has a field too many",
    (node) => node.plugin(answerScript({}).replace('"auth"', '"serviceAccountTokenCacheType":"Token","auth"')),
  ],
  ["plugin-answer-anonymous", "the plugin has no credentials", (node) => node.plugin(answerScript({}))],
  [
    "plugin-failed",
    "the plugin fails",
    (node) => node.plugin("echo 'ocir-broker: shim-no-daemon: no daemon; start it' >&2; exit 1"),
  ],
  [
    "plugin-silent",
    "the plugin hangs",
    () => ({
      runProgram: async ({ args, path }: ProgramRun): Promise<ProgramResult> =>
        path.endsWith("kubelet")
          ? { exitCode: 0, signal: null, stdout: "Kubernetes v1.33.1\n", stderr: "", elapsedMs: 1 }
          : args[0] === "--version"
            ? { exitCode: 0, signal: null, stdout: `credential-provider-oke 1.2.3\n`, stderr: "", elapsedMs: 1 }
            : { silent: true },
    }),
  ],
  ["selinux-label", "SELinux would keep services out", withLabel("1"), ["plugin-foreign", "plugin-answer-garbage"]],
  ["selinux-label-permissive", "SELinux is permissive", withLabel("0"), ["plugin-foreign", "plugin-answer-garbage"]],
];

export function withStatus(changed: object): Break {
  return async ({ root, config }) => {
    const server = await listen(root, config.sockets.health, answerStatus(changed));
    onTestFinished(() => void server.close());
  };
}

/** Labels need a file system and a policy that support them, so this program stands in for `stat`. */
function withLabel(enforce: string): Break {
  return (node) => {
    node.write("/sys/fs/selinux/enforce", enforce);
    return {
      runProgram: async ({ path }: ProgramRun): Promise<ProgramResult> => {
        const stdout = path === "stat" ? "unconfined_u:object_r:user_tmp_t:s0\n" : "Kubernetes v1.33.1\n";
        return { exitCode: 0, signal: null, stdout, stderr: "", elapsedMs: 1 };
      },
    };
  };
}
