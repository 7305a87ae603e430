/**
 * A pod of the DaemonSet on a simulated node, as its kubelet runs it: a real container with runc, from the image's files and the
 * manifest's settings.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { daemonSet } from "../../daemonset/manifest.ts";
import type { SystemdRoot } from "../systemd-root/index.ts";

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
export interface PodOptions {
  readonly root: SystemdRoot;
  readonly node: string;
  /** The unpacked image's path inside the node. */
  readonly rootfs: string;
  readonly serviceHost: string;
  readonly token: string;
  readonly caCert: string;
  readonly leaseSeconds: number;
  onText(text: string): void;
}

export type Pod = Awaited<ReturnType<typeof startPod>>;

let started = 0;

export async function startPod(options: PodOptions) {
  const { root } = options;
  started += 1;
  const name = `ocir-broker-${started}`;
  const folder = `/run/pods/${name}`;
  await root.run("mkdir", ["-p", `${folder}/account`, `${folder}/volumes/status`]);
  root.write(`${folder}/account/token`, options.token, 0o600);
  root.write(`${folder}/account/ca.crt`, readFileSync(options.caCert, "utf8"));
  root.write(join(folder, "config.json"), JSON.stringify(await bundleOf(options, folder)));

  const child = root.spawn("runc", ["run", "--bundle", folder, name]);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (piece: Buffer) => options.onText(String(piece)));
  }
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return {
    /** Its service account's. */
    token: options.token,
    /** The result of the manifest's readiness probe. */
    async isReady(): Promise<boolean> {
      const command = containerOf().readinessProbe?.exec?.command ?? [];
      return (await root.exec("runc", ["exec", name, ...command])).exitCode === 0;
    },
    /** Sends SIGTERM, as for a deleted pod. Resolves with its exit code when it has ended. */
    async terminate(): Promise<number | null> {
      await root.run("runc", ["kill", name, "TERM"]);
      return ended;
    },
    /** Sends SIGKILL to all its processes. */
    async kill(): Promise<void> {
      await root.exec("runc", ["kill", "--all", name, "KILL"]);
      await ended;
      await root.exec("runc", ["delete", "--force", name]);
    },
  };
}

function podSpec() {
  const spec = daemonSet().spec?.template.spec;
  if (spec === undefined) throw new Error("the DaemonSet has no pod");
  return spec;
}

function containerOf() {
  const [container] = podSpec().containers;
  if (container === undefined) throw new Error("the DaemonSet has no container");
  return container;
}

/** The container's configuration, as a runtime derives it from the kubelet's request. */
async function bundleOf(options: PodOptions, folder: string): Promise<object> {
  const pod = podSpec();
  const { env = [], securityContext, volumeMounts = [] } = containerOf();
  const fields: Readonly<Record<string, string>> = {
    "spec.nodeName": options.node,
    "metadata.name": "ocir-broker-x7x7x",
    "metadata.namespace": daemonSet().metadata?.namespace ?? "default",
    "metadata.labels['controller-revision-hash']": "5d4f8c7b9",
  };
  const given = env.map(({ name, value, valueFrom }) => {
    const text = name === "OCIR_BROKER_LEASE_SECONDS" ? String(options.leaseSeconds) : value;
    return `${name}=${text ?? fields[valueFrom?.fieldRef?.fieldPath ?? ""]}`;
  });
  const ofKubernetes = [`KUBERNETES_SERVICE_HOST=${options.serviceHost}`, "KUBERNETES_SERVICE_PORT=443"];
  const capabilities = securityContext?.privileged ? await allCapabilities(options.root) : [];
  const bind = (destination: string, source: string, access: "ro" | "rw") => ({
    destination,
    type: "bind",
    source,
    options: ["rbind", access],
  });
  const hidden = [...(pod.hostPID ? [] : ["pid"]), ...(pod.hostNetwork ? [] : ["network"])];
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: securityContext?.runAsUser, gid: 0 },
      args: JSON.parse(readFileSync(join(imageFolder(options), "config.json"), "utf8")).config.Entrypoint,
      env: [...given, ...ofKubernetes],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    root: { path: options.rootfs, readonly: securityContext?.readOnlyRootFilesystem },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      ...volumeMounts.map(({ name, mountPath }) => bind(mountPath, `${folder}/volumes/${name}`, "rw")),
      ...(pod.automountServiceAccountToken ? [bind(ACCOUNT, `${folder}/account`, "ro")] : []),
    ],
    linux: { namespaces: ["mount", "ipc", "uts", ...hidden].map((type) => ({ type })) },
  };
}

/** The image's configuration is next to the unpacked files. */
function imageFolder({ rootfs }: PodOptions): string {
  return join(rootfs.replace("/opt/checkout", join(import.meta.dirname, "../../..")), "..");
}

/** Root's capabilities on the node. */
async function allCapabilities(root: SystemdRoot): Promise<string[]> {
  const mask = BigInt(`0x${await root.run("sed", ["-n", "s/^CapEff:\t//p", "/proc/self/status"])}`);
  const names = (await root.run("setpriv", ["--list-caps"])).split("\n");
  return names.filter((_, number) => (mask >> BigInt(number)) & 1n).map((name) => `CAP_${name.toUpperCase()}`);
}
