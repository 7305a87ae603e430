/** Seeded faults of the node: kubelet, plugin, socket, daemon, SELinux. */
import { chmodSync, symlinkSync } from "node:fs";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { createRunProgram, type ProgramResult, type ProgramRun } from "@ocir-broker/node/program-run";
import { printed } from "@ocir-broker/node/test/program-double";
import { leaveStaleSocket } from "@ocir-broker/testkit/deaf-sockets";
import {
  CONFIG,
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
const HEALTH_SOCKET = "/run/ocir-broker/health.sock";
const RUN = "/run/ocir-broker";
const FLAGS = KUBELET_FLAGS.join(" ");
const USER_DATA = "/var/lib/cloud/instance/user-data.txt";
const SCRIPT = `bash /var/run/oke-init.sh --kubelet-extra-args="${FLAGS}"`;
const SETTING = `Environment=KUBELET_EXTRA_ARGS="${FLAGS}"`;
const VARIABLES = "/etc/default/kubelet";
const DROP_IN = "/etc/systemd/system/kubelet.service.d/kubelet-extra-args.conf";

export const all =
  (...breaks: readonly Break[]): Break =>
  async (node) => {
    let options: unknown;
    for (const each of breaks) options = (await each(node)) ?? options;
    return options;
  };

const withFile =
  (path: string, text: string, mode?: number): Break =>
  (node) =>
    node.write(path, text, mode);

export const without =
  (...paths: readonly string[]): Break =>
  (node) =>
    paths.forEach(node.remove);

const withMode =
  (path: string, mode: number): Break =>
  ({ root }) =>
    chmodSync(join(root, path), mode);

const withPlugin =
  (script: string, version?: string): Break =>
  (node) =>
    node.plugin(script, version);

/** The plugin's file, without the part that prints its version. */
const withText = (text: string): Break => withFile(PLUGIN, `${text}\n`, 0o755);
export const withProvider =
  (part: string, changed: string, ...others: readonly string[]): Break =>
  (node) =>
    node.providers(OUR_PROVIDER.replace(part, changed), ...others);

const withLogin = (path: string, key = "https://iad.ocir.io/v2/"): Break =>
  withFile(path, JSON.stringify({ auths: { [key]: {}, "example.com": {} } }));

/** Our helper for the image's host, and another one for a host that no pull means. */
export const HELPER = JSON.stringify({ credHelpers: { "iad.ocir.io": "ocir", "example.com": "other" } });

const withHealth =
  (received: RequestListener): Break =>
  ({ root, config }) =>
    listen(root, config.sockets.health, received);

const withoutResponse = withHealth(({ socket }) => void socket.destroy());

const withStatus = (changed: object): Break => withHealth(statusResponse(changed));

const withUnwritten = (codes: object): Break => withStatus({ unwritten: { metrics: null, state: null, ...codes } });
const withConfigStatus = (changed: object): Break =>
  withStatus({
    config: { path: "/etc/ocir-broker/config.yaml", error: null, errorPlaces: [], needRestart: [], ...changed },
  });

/** @param account null for a renewal */
export const withAccountFailure = (code: string, secondsAgo: number, account: string | null = "shop/puller"): Break =>
  withStatus({ serviceAccountFailures: [{ account, code, secondsAgo }] });

export const withoutKubelet = without("/proc/4242");
export const withoutFlags: Break = (node) => node.kubelet("--v=2");
/** Its configuration is newer than the machine's boot. */
export const sinceBoot = withFile("/proc/4242/stat", `4242 (kubelet) S${" 0".repeat(19)}\n`);
export const onCriO: Break = (node) =>
  node.kubelet(...KUBELET_FLAGS, "--container-runtime-endpoint=unix:///run/crio/crio.sock");
const withOtherPlugin = withFile("/usr/local/bin/acr", "#!/bin/sh\n", 0o755);

const withoutFlagsBut = (path: string, text: string): Break => all(withoutFlags, withFile(path, `${text}\n`));
/** Only the kubelet's unit has these. */
export const withUnitFlags = (flags: string): Break => withoutFlagsBut(VARIABLES, `KUBELET_EXTRA_ARGS="${flags}"`);

const withoutSockets = all(
  without(CREDENTIALS_SOCKET, HEALTH_SOCKET),
  withPlugin("echo 'ocir-broker: shim-socket-missing: x' >&2; exit 1"),
);

export const NODE_FAULTS: readonly SeededFault[] = [
  ["broker-config-invalid", "the broker's configuration is not valid", () => ({ configError: "c.yaml is not valid" })],
  ["socket-missing", "the credentials socket is not there", withoutSockets],
  ["socket-mode", "everyone may ask for tokens", withMode(CREDENTIALS_SOCKET, 0o666)],
  [
    "switched-off",
    "ocir-broker disable has been run",
    all(
      withFile("/etc/ocir-broker/disabled", "2026-11-25T20:00:00Z\n"),
      without(RUN),
      withPlugin(responseScript({}), "0 (does nothing)"),
    ),
  ],
  ["not-installed", "nothing is installed", all(without(RUN, PLUGIN), withoutFlags)],
  [
    "unit-masked",
    "the units are masked",
    all(
      withFile("/etc/systemd/system/other", ""),
      ({ root }) => symlinkSync("/dev/null", join(root, "/etc/systemd/system/ocir-broker.socket")),
      withoutSockets,
    ),
  ],
  ["daemon-down", "the daemon does not run", without(HEALTH_SOCKET)],
  [
    "daemon-down",
    "the daemon has left its socket behind",
    all(without(HEALTH_SOCKET), ({ root }) => leaveStaleSocket(join(root, HEALTH_SOCKET))),
  ],
  ["daemon-stuck", "the daemon closes every connection", withoutResponse],
  ["daemon-config", "the daemon cannot read its configuration", withConfigStatus({ error: "config-unreadable" })],
  ["daemon-config", "the configuration was changed after the daemon read it", withConfigStatus({ changed: true })],
  ["daemon-restart-needed", "the daemon has not been restarted", withConfigStatus({ needRestart: ["proxy.https"] })],
  [
    "broker-config-invalid",
    "a reload has failed, and the daemon uses the previous configuration",
    async (node) => {
      await withConfigStatus({ inForce: "before", error: "config-invalid" })(node);
      // The valid part of the new file would lead doctor to an address that nobody uses.
      const { config } = withConfig(node, { registries: { endpoints: { "iad.ocir.io": "http://127.0.0.1:1" } } });
      return { config, configError: "/etc/ocir-broker/config.yaml is not valid" };
    },
    ["daemon-config"],
  ],
  [
    "broker-config-invalid",
    "the file has errors, and the daemon has not read it yet",
    async (node) => {
      await withConfigStatus({ changed: true })(node);
      const { config } = withConfig(node, { registries: { endpoints: { "iad.ocir.io": "http://127.0.0.1:1" } } });
      return { config, configError: "/etc/ocir-broker/config.yaml is not valid" };
    },
    ["daemon-config"],
  ],
  ["metrics-not-written", "the folder of the metrics is missing", withUnwritten({ metrics: "ENOENT" })],
  ["state-not-written", "/run is full", withUnwritten({ state: "ENOSPC" })],
  ["service-account-failed", "the domain does not trust the cluster", withAccountFailure("domain-token-refused", 20)],
  ["daemon-version", "the daemon is of another release", withStatus({ version: "1.0.0" })],
  ["daemon-version", "the status is without its fields", withHealth((_, response) => response.end("{}"))],
  ["daemon-version", "the status is a web page", withHealth((_, response) => response.end("<html>"))],
  ["daemon-starting", "the daemon has no token yet", withStatus({ status: "starting" })],
  [
    "daemon-degraded",
    "the daemon's renewals fail",
    withStatus({ status: "degraded", registries: { "iad.ocir.io": { lastFailure: "tls", failuresInARow: 3 } } }),
  ],
  ["kubelet-not-running", "no kubelet runs", withoutKubelet],
  [
    "kubelet-config-field-unknown",
    "the kubelet cannot start, because of its credential provider configuration",
    all(withUnitFlags(`--v=2 ${FLAGS}`), withoutKubelet, withProvider('"0s"', '"0s"\n    cacheKeyType: Registry')),
    ["kubelet-not-running"],
  ],
  ["kubelet-flags-missing", "the kubelet has no flags", withoutFlags],
  ["kubelet-flags-missing", "a comment has the flags", withoutFlagsBut(VARIABLES, `# KUBELET_EXTRA_ARGS="${FLAGS}"`)],
  ["kubelet-extra-args-swallowed", "cloud-init's script has an equals sign", withoutFlagsBut(USER_DATA, SCRIPT)],
  ["kubelet-not-restarted", "the kubelet was not restarted", withoutFlagsBut(DROP_IN, `[Service]\n${SETTING}`)],
  ["kubelet-not-restarted", "the kubelet runs since before its configuration changed", sinceBoot],
  ["path-untrusted", "others may change the credential provider configuration", withMode("/etc/kubernetes", 0o757)],
  ["path-untrusted", "others may change the plugin", withMode("/usr/local", 0o777)],
  ["kubelet-config-missing", "the credential provider configuration is missing", without(CONFIG)],
  ["kubelet-config-host-form-missing", "matchImages lacks a host form", withProvider(', "ocir.*.oci.*.*"', "")],
  [
    "image-not-matched",
    "matchImages has a port",
    withProvider('"*.ocir.io"', '"*.ocir.io:443"'),
    ["kubelet-config-host-form-missing"],
  ],
  ["image-not-matched", "matchImages lacks the host", withProvider('"*.ocir.io"', '"fra.ocir.io"')],
  [
    "image-not-matched",
    "matchImages has a path",
    withProvider('"*.ocir.io"', '"*.ocir.io/a*"'),
    ["kubelet-config-host-form-missing"],
  ],
  [
    "kubelet-config-provider-missing",
    "our credential provider is not in the configuration",
    all(withOtherPlugin, withProvider("credential-provider-oke", "acr")),
    ["image-not-matched"],
  ],
  ["kubelet-config-providers-missing", "the configuration has no provider", (node) => node.providers(" []")],
  ["kubelet-config-not-understood", "the configuration has an anchor", withProvider("name: ", "name: &ours ")],
  [
    "other-plugin-first",
    "another credential provider is asked first",
    all(withOtherPlugin, withProvider("credential-provider-oke", "acr", OUR_PROVIDER)),
  ],
  [
    "other-login",
    "the kubelet has a login of its own",
    withLogin("/var/lib/kubelet/config.json", "http://iad.ocir.io"),
  ],
  [
    "other-login",
    "CRI-O's global file has a login",
    all(
      onCriO,
      withFile("/etc/crio/crio.conf", '[crio.image]\n# global_auth_file = "/n"\nglobal_auth_file = "/etc/old.json"\n'),
      withFile("/etc/crio/crio.conf.d/10-auth.conf", '[crio.image]\nglobal_auth_file = "/etc/crio/auth.json"\n'),
      withLogin("/etc/crio/auth.json"),
    ),
  ],
  ["other-login", "root's file, which CRI-O reads, has a login", all(onCriO, withLogin("/root/.docker/config.json"))],
  ["other-helper", "root's file names our helper", all(onCriO, withFile("/root/.docker/config.json", HELPER))],
  ["plugin-missing", "the plugin is not there", without(PLUGIN)],
  ["plugin-not-executable", "the plugin is not executable", withMode(PLUGIN, 0o644)],
  ["plugin-not-executable", "the plugin's interpreter is not there", withText("#!/no/such/program"), ["plugin-failed"]],
  ["plugin-foreign", "the plugin is Oracle's own", withText("#!/bin/sh\necho v0.1.1"), ["plugin-response-garbage"]],
  ["plugin-version", "the plugin is of another release", withPlugin(responseScript(credentials("")), "0.9.0")],
  ["plugin-response-garbage", "the plugin says nothing", withPlugin("cat > /dev/null")],
  ["plugin-response-garbage", "the plugin logs on stdout", withPlugin("cat > /dev/null; echo loading; echo '{}'")],
  ["plugin-response-garbage", "the response is of another version", withProvider("io/v1", "io/v1beta1")],
  ["plugin-response-anonymous", "the plugin has no credentials", withPlugin(responseScript({}))],
  ["plugin-failed", "the plugin fails", withPlugin("echo 'ocir-broker: shim-no-daemon: x; start it' >&2; exit 1")],
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
