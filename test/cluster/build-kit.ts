/** BuildKit, unmodified: its daemon on the node, and its client in pods that mount a pull secret as `config.json`. */
import { BUILDCTL, BUILDKITD, lackOf } from "./consumer-programs.ts";
import type { KubernetesNode } from "./kubernetes-node.ts";
import { CA_BUNDLE } from "./node-files.ts";
import { NAME } from "./pull-secret-objects.ts";
import { serve, untilServing } from "./services.ts";

const ADDRESS = "unix:///run/buildkit/buildkitd.sock";
const CONTEXTS = "/run/builds";
/** Answers once it has got the signal. */
const SLOW_SOURCE = `
const released = new Promise((resolve) => process.on("SIGUSR2", resolve));
const server = require("node:http").createServer((_, response) => released.then(() => response.end("slow")));
server.listen(18087, "127.0.0.1");
`;
const LIMIT_MS = 240_000;
const CLIENT = "/usr/bin/buildctl";
const CONFIG = "config.json";
const FOLDER = "/docker";

export const lackOfBuildKit = lackOf([BUILDCTL.path, BUILDKITD.path]);
export const BUILD_KIT_FILES = [
  { from: BUILDCTL.path, to: CLIENT, mode: 0o755 },
  { from: BUILDKITD.path, to: "/usr/bin/buildkitd", mode: 0o755 },
];

interface Build {
  readonly namespace: string;
  /** Where the client runs. */
  readonly pod: string;
  readonly from: string;
  readonly to: string;
  /** Whether it has a step that ends only after `release`. */
  readonly isSlow?: boolean;
}

export async function startBuildKit({ root }: KubernetesNode) {
  await serve(root, "slow-source", ["/opt/checkout/node_modules/.bin/node", "-e", SLOW_SOURCE]);
  const unit = await serve(root, "buildkitd", [
    ...["buildkitd", "--addr", ADDRESS, "--root", "/var/lib/buildkit"],
    ...["--containerd-worker=false", "--oci-worker-snapshotter=native"],
  ]);
  const workers = ["--addr", ADDRESS, "debug", "workers"];
  await untilServing(root, unit, async () => (await root.exec(CLIENT, workers)).exitCode === 0);
  let count = 0;
  return {
    /**
     * Builds an image on another one and pushes it, each time with another content.
     * @returns the client's output
     * @throws Error with it if the client fails
     */
    async build({ namespace, pod, from, to, isSlow = false }: Build): Promise<string> {
      const context = `${CONTEXTS}/${count++}`;
      root.write(`${context}/note`, context);
      const slow = isSlow ? "ADD http://127.0.0.1:18087/ /slow\n" : "";
      root.write(`${context}/Dockerfile`, `FROM ${from}\n${slow}COPY note /note\n`);
      const command = [
        ...[CLIENT, "--addr", ADDRESS, "build", "--progress=plain", "--frontend=dockerfile.v0"],
        ...[`--local=context=${context}`, `--local=dockerfile=${context}`, `--output=type=image,name=${to},push=true`],
      ];
      const url = `https://127.0.0.1:10250/run/${namespace}/${pod}/main?${new URLSearchParams({ cmd: command.join(" ") })}`;
      return root.run("curl", ["-sSk", "--fail-with-body", "-X", "POST", url], { timeoutMs: LIMIT_MS });
    },
    /** Slow steps end, also later ones. */
    release: () => root.run("systemctl", ["kill", "--signal=SIGUSR2", "cluster-slow-source"]),
  };
}

/** The volume without subPath, as in docs/consumers/products.md, or the file with it. */
export function clientPod(image: string, { hasSubPath }: { readonly hasSubPath: boolean }): object {
  const hostPaths = [CLIENT, CONTEXTS, "/run/buildkit", CA_BUNDLE];
  const volumeMounts = [
    ...hostPaths.map((path, index) => ({ name: `host-${index}`, mountPath: path })),
    hasSubPath
      ? { name: "docker", mountPath: `${FOLDER}/${CONFIG}`, subPath: CONFIG, readOnly: true }
      : { name: "docker", mountPath: FOLDER, readOnly: true },
  ];
  const secret = { secretName: NAME, items: [{ key: ".dockerconfigjson", path: CONFIG }] };
  return {
    imagePullSecrets: [{ name: NAME }],
    containers: [{ name: "main", image, env: [{ name: "DOCKER_CONFIG", value: FOLDER }], volumeMounts }],
    volumes: [
      ...hostPaths.map((path, index) => ({ name: `host-${index}`, hostPath: { path } })),
      { name: "docker", secret },
    ],
  };
}
