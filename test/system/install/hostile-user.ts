/**
 * A hostile unprivileged user on a test node, with a folder that has a kubelet, a plugin and a configuration, and with processes
 * named kubelet and `ocir-broker serve`: one in a control group that ends with the kubelet unit's name, as a user's systemd
 * creates it, and one of a setuid program with user id 0.
 */
import { until } from "@ocir-broker/testkit/until";
import type { OkeNode } from "./oke-node.ts";

const UID = "65534";
const FOLDER = "/tmp/theirs";
const PROXY_PORT = 18_443;
export const HOSTILE_PROXY = `http://127.0.0.1:${PROXY_PORT}`;
const GROUP = "/sys/fs/cgroup/user.slice/user-65534.slice/user@65534.service/app.slice/kubelet.service";

export type HostileUser = Awaited<ReturnType<typeof startHostileUser>>;

const PROGRAM = `#!/bin/sh
echo "$0 was run by $(id -u)" >>${FOLDER}/gained
case "$1" in --version) echo "Kubernetes v1.33.1" ;; esac
`;

/** Records each request. */
const PROXY = `require("node:net").createServer((socket) => {
  require("node:fs").appendFileSync("${FOLDER}/asked", "the proxy was asked\\n");
  socket.on("error", () => {}).destroy();
}).listen(${PROXY_PORT}, "127.0.0.1")`;

const FLAGS = `--image-credential-provider-config=${FOLDER}/providers.yaml --image-credential-provider-bin-dir=${FOLDER}`;

const ARRANGE = `
umask 022
mkdir -p ${FOLDER} && cd ${FOLDER} || exit
cat >kubelet && cp kubelet credential-provider-oke && chmod 755 kubelet credential-provider-oke
mkfifo pipe
ln -s /dev/zero zero
echo 'sleep 3600; :' >serve
`;

/**
 * Starts a service of the daemon's name, of another user, whose memory has more variables than systemd gave it: a compromised
 * daemon can rewrite its own. The returned function stops it.
 *
 * @param lines further lines of the unit.
 */
export async function startRewrittenDaemon(
  { root }: OkeNode,
  variables: string,
  lines = "",
): Promise<() => Promise<void>> {
  const unit = "/run/systemd/system/ocir-broker.service";
  const start = `exec env ${variables} bash -c 'exec -a ocir-broker sleep 3600'`;
  root.write(unit, `[Service]\nUser=${UID}\nExecStart=/bin/sh -c "${start}"\n${lines}\n`);
  await root.run("systemctl", ["daemon-reload"]);
  await root.run("systemctl", ["start", "ocir-broker.service"]);
  return async () => {
    await root.run("systemctl", ["stop", "ocir-broker.service"]);
    await root.run("rm", [unit]);
    await root.run("systemctl", ["daemon-reload"]);
  };
}

export async function startHostileUser({ root }: OkeNode) {
  const arranged = await root.exec("sh", ["-c", ARRANGE], { uid: Number(UID), input: PROGRAM });
  if (arranged.exitCode !== 0) throw new Error(arranged.stderr);
  const start = (name: string, command: string): Promise<string> =>
    root.run("systemd-run", [
      ...["--quiet", "--collect", `--uid=${UID}`, `--gid=${UID}`, "--unit", `theirs-${name}`],
      ...[`--working-directory=${FOLDER}`, "bash", "-c", command],
    ]);
  const kubelet = `exec -a ${FOLDER}/kubelet sh serve ${FLAGS}`;
  await start("kubelet", kubelet);
  await start("unit", kubelet);
  await start("daemon", `HTTPS_PROXY=${HOSTILE_PROXY} exec -a ocir-broker sh serve`);
  await start("setuid", `sleep 3600 | exec -a kubelet su root -- ${FLAGS}`);
  await root.run("systemd-run", [
    ...["--quiet", "--collect", `--uid=${UID}`, "--unit", "theirs-proxy"],
    ...["/opt/checkout/node_modules/.bin/node", "-e", PROXY],
  ]);
  const pid = await root.property("theirs-unit", "MainPID");
  await root.run("sh", ["-c", `mkdir -p ${GROUP} && echo ${pid} >${GROUP}/cgroup.procs`]);
  await until("their proxy listens", async () => (await root.exec("curl", ["-s", HOSTILE_PROXY])).exitCode === 52);
  await root.run("rm", [`${FOLDER}/asked`]);
  return {
    folder: FOLDER,
    /** The user's programs that root executed, root's requests that the user saw, and root's files in the folder; empty if none. */
    async gained(): Promise<string> {
      const look = `cat ${FOLDER}/gained ${FOLDER}/asked 2>/dev/null; find ${FOLDER} -user root`;
      return (await root.exec("sh", ["-c", look])).stdout;
    },
    async leave(): Promise<void> {
      await root.exec("kill", ["-KILL", pid]);
      await root.exec("systemctl", ["stop", "theirs-*"]);
      await root.exec("rm", ["-rf", FOLDER]);
    },
  };
}
