import { join } from "node:path";
import type { OracleCloud } from "../oracle-clients/cloud.ts";
import { describeKeylessClients, NAME } from "../oracle-clients/keyless-clients.ts";
import { lackOf } from "../real-registry.ts";

describeKeylessClients([
  {
    name: "skopeo",
    lack: lackOf("skopeo"),
    commands: () => [`skopeo copy docker://${NAME}:1 docker://${NAME}:2`],
  },
  {
    name: "podman",
    lack: lackOf("podman"),
    commands: () => [`podman pull ${NAME}:1`, `podman push ${NAME}:1 ${NAME}:2`],
  },
  {
    name: "buildah",
    lack: lackOf("buildah"),
    commands: () => [`buildah pull ${NAME}:1`, `buildah push ${NAME}:1 docker://${NAME}:2`],
  },
  { name: "docker", lack: lackOf("docker", "dockerd"), commands: withDocker },
]);

/** It starts its own containerd, and creates no networks. */
async function withDocker(cloud: OracleCloud): Promise<string[]> {
  const at = (name: string) => join(cloud.directory, name);
  const socket = `unix://${at("docker.sock")}`;
  await cloud.serve("API listen on", [
    ...["dockerd", `--host=${socket}`, `--data-root=${at("docker-data")}`, `--exec-root=${at("docker-exec")}`],
    ...[`--pidfile=${at("docker.pid")}`, "--bridge=none", "--iptables=false", "--ip6tables=false"],
    "--storage-driver=vfs",
  ]);
  const docker = `docker --host ${socket}`;
  return [`${docker} pull ${NAME}:1`, `${docker} tag ${NAME}:1 ${NAME}:2`, `${docker} push ${NAME}:2`];
}
