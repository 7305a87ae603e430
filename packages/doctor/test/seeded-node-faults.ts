/** Seeded faults of the node: kubelet, plugin, socket, daemon, SELinux. */
import { chmodSync, rmSync } from "node:fs";
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { ProgramResult, ProgramRun } from "../src/node/program-run.ts";
import { answerScript, answerStatus, credentials, KUBELET_FLAGS, listen, OUR_PROVIDER, PLUGIN } from "./broken-node.ts";
import type { Break, SeededFault } from "./seeded-fault.ts";

export const NODE_FAULTS: readonly SeededFault[] = [
  {
    fault: "the broker's configuration is not valid",
    breaks: () => ({ configFault: "/etc/ocir-broker/config.yaml is not valid" }),
    named: "broker-config-invalid",
  },
  {
    fault: "the credentials socket is not there",
    breaks: (node) => node.remove("/run/ocir-broker/credentials.sock"),
    named: "socket-missing",
  },
  {
    fault: "a file stands in the socket's place",
    breaks: (node) => node.write("/run/ocir-broker/credentials.sock", ""),
    named: "socket-not-socket",
  },
  {
    fault: "everyone may ask for tokens",
    breaks: ({ root }) => chmodSync(join(root, "/run/ocir-broker/credentials.sock"), 0o666),
    named: "socket-mode",
  },
  { fault: "somebody else owns the socket", breaks: () => ({ ownerId: 4_711 }), named: "socket-owner" },
  {
    fault: "everyone may replace the socket",
    breaks: ({ root }) => chmodSync(join(root, "/run/ocir-broker"), 0o777),
    named: "socket-directory",
  },
  {
    fault: "the daemon does not run",
    breaks: (node) => node.remove("/run/ocir-broker/health.sock"),
    named: "daemon-down",
  },
  {
    fault: "the daemon closes every connection",
    breaks: async ({ root }) => {
      rmSync(join(root, "/run/ocir-broker/health.sock"));
      const server = createTcpServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => server.listen(join(root, "/run/ocir-broker/health.sock"), resolve));
      onTestFinished(() => void server.close());
    },
    named: "daemon-stuck",
  },
  {
    fault: "the daemon cannot read its configuration",
    breaks: withStatus({
      config: { path: "/etc/ocir-broker/config.yaml", error: "config-unreadable", faultyPlaces: [], needRestart: [] },
    }),
    named: "daemon-config",
  },
  {
    fault: "the daemon has not been restarted after a change",
    breaks: withStatus({
      config: {
        path: "/etc/ocir-broker/config.yaml",
        error: null,
        faultyPlaces: [],
        needRestart: ["proxy.https"],
      },
    }),
    named: "daemon-restart-needed",
  },
  {
    fault: "the daemon is of another release",
    breaks: withStatus({ version: "1.0.0" }),
    named: "daemon-version",
  },
  { fault: "the daemon has no token yet", breaks: withStatus({ status: "starting" }), named: "daemon-starting" },
  {
    fault: "the daemon's renewals fail",
    breaks: withStatus({
      status: "degraded",
      registries: { "iad.ocir.io": { lastFailure: "registry-throttled", failuresInARow: 3 } },
    }),
    named: "daemon-degraded",
  },
  { fault: "no kubelet runs", breaks: (node) => node.remove("/proc/4242"), named: "kubelet-not-running" },
  {
    fault: "the kubelet cannot start, because of its provider configuration",
    breaks: (node) => {
      node.remove("/proc/4242");
      node.write("/etc/default/kubelet", `KUBELET_EXTRA_ARGS="--v=2 ${KUBELET_FLAGS.join(" ")}"\n`);
      node.providers(`${OUR_PROVIDER}\n    cacheKeyType: Registry`);
    },
    named: "kubelet-config-field-unknown",
    also: ["kubelet-not-running"],
  },
  { fault: "the kubelet has no flags", breaks: (node) => node.kubelet("--v=2"), named: "kubelet-flags-missing" },
  {
    fault: "the kubelet has only one of the flags",
    breaks: (node) => node.kubelet(String(KUBELET_FLAGS[0])),
    named: "kubelet-flags-incomplete",
  },
  {
    fault: "cloud-init passes the flags with an equals sign",
    breaks: (node) => {
      node.kubelet("--v=2");
      node.write(
        "/var/lib/cloud/instance/user-data.txt",
        `#!/bin/bash\nbash /var/run/oke-init.sh --kubelet-extra-args="${KUBELET_FLAGS.join(" ")}"\n`,
      );
    },
    named: "kubelet-extra-args-swallowed",
  },
  {
    fault: "the kubelet was not restarted",
    breaks: (node) => {
      node.kubelet("--v=2");
      node.write(
        "/etc/systemd/system/kubelet.service.d/kubelet-extra-args.conf",
        `[Service]\nEnvironment=KUBELET_EXTRA_ARGS="${KUBELET_FLAGS.join(" ")}"\n`,
      );
    },
    named: "kubelet-not-restarted",
  },
  {
    fault: "the kubelet does not tell its version",
    breaks: (node) => node.remove("/usr/bin/kubelet"),
    named: "kubelet-version-unknown",
  },
  {
    fault: "others may change the kubelet's program",
    breaks: ({ root }) => chmodSync(join(root, "/usr/bin/kubelet"), 0o775),
    named: "path-untrusted",
    also: ["kubelet-version-unknown"],
  },
  {
    fault: "others may change the provider configuration",
    breaks: ({ root }) => chmodSync(join(root, "/etc/kubernetes"), 0o757),
    named: "path-untrusted",
  },
  {
    fault: "others may change the plugin",
    breaks: ({ root }) => chmodSync(join(root, "/usr/local"), 0o777),
    named: "path-untrusted",
  },
  {
    fault: "the provider configuration is missing",
    breaks: (node) => node.remove("/etc/kubernetes/credential-provider-config.yaml"),
    named: "kubelet-config-missing",
  },
  {
    fault: "the provider configuration has a field that 1.32 and later refuse",
    breaks: (node) => node.providers(`${OUR_PROVIDER}\n    cacheKeyType: Registry`),
    named: "kubelet-config-field-unknown",
  },
  {
    fault: "matchImages lacks a host form",
    breaks: (node) => node.providers(OUR_PROVIDER.replace(', "ocir.*.oci.*.*"', "")),
    named: "kubelet-config-host-form-missing",
  },
  {
    fault: "matchImages has a glob in the path",
    breaks: (node) => node.providers(OUR_PROVIDER.replace('"*.ocir.io"', '"*.ocir.io/*"')),
    named: "kubelet-config-match-image-path-glob",
    also: ["image-not-matched"],
  },
  {
    fault: "matchImages has a port",
    breaks: (node) => node.providers(OUR_PROVIDER.replace('"*.ocir.io"', '"*.ocir.io:443"')),
    named: "image-not-matched",
    also: ["kubelet-config-match-image-port"],
  },
  {
    fault: "our provider is not in the configuration",
    breaks: (node) => node.providers(OUR_PROVIDER.replace("credential-provider-oke", "kubelet")),
    named: "kubelet-config-provider-missing",
    also: ["kubelet-config-provider-executable-missing", "image-not-matched"],
  },
  {
    fault: "another provider is asked first",
    breaks: (node) => {
      node.write("/usr/local/bin/acr", "#!/bin/sh\n", 0o755);
      node.providers(OUR_PROVIDER.replace("credential-provider-oke", "acr"), OUR_PROVIDER);
    },
    named: "other-plugin-first",
    also: ["kubelet-config-provider-overlap"],
  },
  {
    fault: "the plugin is not there",
    breaks: (node) => node.remove(PLUGIN),
    named: "plugin-missing",
    also: ["kubelet-config-provider-executable-missing"],
  },
  {
    fault: "the plugin is not executable",
    breaks: ({ root }) => chmodSync(join(root, PLUGIN), 0o644),
    named: "plugin-not-executable",
    also: ["kubelet-config-provider-executable-missing"],
  },
  {
    fault: "the plugin's interpreter is not there",
    breaks: (node) => node.write(PLUGIN, "#!/no/such/program\n", 0o755),
    named: "plugin-not-executable",
    also: ["plugin-failed"],
  },
  {
    fault: "the plugin is Oracle's own",
    breaks: (node) => node.write(PLUGIN, "#!/bin/sh\necho v0.1.1\n", 0o755),
    named: "plugin-foreign",
    also: ["plugin-answer-garbage"],
  },
  {
    fault: "the plugin is of another release",
    breaks: (node) => node.plugin(answerScript(credentials("")), "0.9.0"),
    named: "plugin-version",
  },
  {
    fault: "the plugin says nothing",
    breaks: (node) => node.plugin("cat > /dev/null"),
    named: "plugin-answer-empty",
  },
  {
    fault: "the plugin logs on stdout",
    breaks: (node) => node.plugin("cat > /dev/null; echo loading; echo '{}'"),
    named: "plugin-answer-garbage",
  },
  {
    fault: "the plugin's answer has a field too many",
    breaks: (node) => node.plugin(answerScript({}).replace('"auth"', '"serviceAccountTokenCacheType":"Token","auth"')),
    named: "plugin-answer-garbage",
  },
  {
    fault: "the plugin has no credentials",
    breaks: (node) => node.plugin(answerScript({})),
    named: "plugin-answer-anonymous",
  },
  {
    fault: "the plugin fails",
    breaks: (node) => node.plugin("echo 'ocir-broker: shim-no-daemon: no daemon; start it' >&2; exit 1"),
    named: "plugin-failed",
  },
  {
    fault: "the plugin hangs",
    breaks: () => ({
      runProgram: async ({ args, path }: ProgramRun): Promise<ProgramResult> =>
        path.endsWith("kubelet")
          ? { exitCode: 0, signal: null, stdout: "Kubernetes v1.33.1\n", stderr: "", elapsedMs: 1 }
          : args[0] === "--version"
            ? { exitCode: 0, signal: null, stdout: `credential-provider-oke 1.2.3\n`, stderr: "", elapsedMs: 1 }
            : { silent: true },
    }),
    named: "plugin-silent",
  },
  {
    fault: "SELinux would keep services out",
    breaks: withLabel("1"),
    named: "selinux-label",
    also: ["plugin-foreign", "plugin-answer-garbage"],
  },
  {
    fault: "SELinux is permissive",
    breaks: withLabel("0"),
    named: "selinux-label-permissive",
    also: ["plugin-foreign", "plugin-answer-garbage"],
  },
];

function withStatus(changed: object): Break {
  return async ({ root, settings }) => {
    const server = await listen(root, settings.healthSocket, answerStatus(changed));
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
