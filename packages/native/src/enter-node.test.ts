/** Runs as a container's entry point: own mount namespace and root, in the process id namespace of a simulated node. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { expect, onTestFinished, test } from "vitest";
import { describeBuilds } from "../test/native-builds.ts";

const UNSHARE = ["--pid", "--fork", "--mount-proc"];
const lack = spawnSync("unshare", [...UNSHARE, "true"]).status === 0 ? undefined : "needs root and namespaces";
/** The node's process 1: starts the container, prints its exit status, and ends everything with it. */
const NODE = `
unshare --mount sh -c 'mount -t proc proc "$1/proc" && exec chroot "$1" /enter-node $2' sh "$1" "$2" &
echo $! >"$1/pid"
wait $! 2>/dev/null
echo "ended with $?"
`;

function testOnNode(build: { path(program: string): string }): void {
  const program = build.path("enter-node");

  function start(script: string, option = "") {
    const image = temporaryFolder();
    for (const folder of ["proc", "status", "ocir-broker"]) mkdirSync(join(image, folder));
    copyFileSync(program, join(image, "enter-node"));
    for (const library of librariesOf(program)) {
      mkdirSync(join(image, library, ".."), { recursive: true });
      copyFileSync(library, join(image, library));
    }
    writeFileSync(join(image, "ocir-broker/daemonset.sh"), script);
    writeFileSync(join(image, "status/ready"), "of an earlier run");
    const node = spawn("unshare", [...UNSHARE, "--kill-child", "sh", "-c", NODE, "sh", image, option]);
    let said = "";
    for (const stream of [node.stdout, node.stderr]) stream.on("data", (piece: Buffer) => (said += piece));
    const ended = once(node, "close");
    onTestFinished(async () => {
      node.kill("SIGKILL");
      await ended;
    });
    /** Sends a signal to enter-node only. */
    const signal = (name: string) => {
      // This process id is in the node's namespace.
      const inside = execFileSync("pgrep", ["-P", String(node.pid)], { encoding: "utf8" }).trim();
      const enter = ["--target", inside, "--pid", "--mount"];
      const kill = `kill -s ${name} $(cat "$1/pid")`;
      // Its status says nothing: a signal that ends the namespace may end the sender first.
      spawnSync("nsenter", [...enter, "sh", "-c", kill, "sh", image]);
    };
    return { image, said: () => said, signal, ended };
  }

  test("runs the script in the node's mount namespace, and exits with its status", async () => {
    const { image, said, ended } = start(`
      [ "$(readlink /proc/self/ns/mnt)" = "$(readlink /proc/1/ns/mnt)" ] && echo on the node, in "$PWD"
      cmp "$0" "$OCIR_BROKER_IMAGE/ocir-broker/daemonset.sh" && echo the image is there
      [ -e "$OCIR_BROKER_IMAGE/status/ready" ] || echo not ready yet
      exit 7`);
    await ended;
    expect(said()).toBe("on the node, in /\nthe image is there\nnot ready yet\nended with 7\n");
    expect(existsSync(join(image, "status/ready"))).toBe(false);
  });

  test("keeps running after the script has succeeded, until it gets SIGTERM", async () => {
    const { image, said, signal, ended } = start(`: >"$OCIR_BROKER_IMAGE/status/ready"; echo done`);
    await until("the script has begun", () => said() === "done\n" && existsSync(join(image, "status/ready")));
    const isReady = 'mount -t proc proc "$1/proc" && exec chroot "$1" /enter-node --ready';
    const probe = () => spawnSync("unshare", ["--mount", "sh", "-c", isReady, "sh", image]).status;
    expect(probe()).toBe(0);
    rmSync(join(image, "status/ready"));
    expect(probe()).toBe(1);
    signal("TERM");
    await ended;
    expect(said()).toBe("done\nended with 0\n");
  });

  test("runs doctor once, and exits with its status", async () => {
    const { said, ended } = start('echo "examines: $*"', "--doctor");
    await ended;
    expect(said()).toBe("examines: doctor\nended with 0\n");
  });

  test("lets the script finish its work when it gets SIGTERM", async () => {
    const { image, said, signal, ended } = start(`
      trap 'echo told to end' TERM
      # The child begins: the shell then waits for it, and no signal can come before.
      sh -c 'echo begun; until [ -e "$OCIR_BROKER_IMAGE/status/go-on" ]; do sleep 0.05; done; echo finished'
      exit 0`);
    await until("the script has begun", () => said() === "begun\n");
    signal("TERM");
    writeFileSync(join(image, "status/go-on"), "");
    await ended;
    expect(said()).toBe("begun\nfinished\ntold to end\nended with 0\n");
  });

  test("exits with 137 when the shell is killed", async () => {
    const { said, ended } = start("kill -KILL $$");
    await ended;
    expect(said()).toBe("ended with 137\n");
  });

  test("leaves no shell behind when it is killed", async () => {
    const { said, signal, ended } = start("echo begun; exec sleep 1000");
    await until("the script has begun", () => said() === "begun\n");
    signal("KILL");
    // The sleep has inherited the pipe, which would otherwise stay open.
    await ended;
    expect(said()).toBe("begun\nended with 137\n");
  });

  test("refuses to run without hostPID", () => {
    const { status, stderr } = spawnSync("unshare", [...UNSHARE, program], { encoding: "utf8" });
    expect([status, stderr]).toEqual([
      1,
      "ocir-broker-daemonset: the first process is in this container's own mount namespace; the pod needs hostPID: true\n",
    ]);
  });
}

describeBuilds("enter-node on a node", testOnNode, lack);
describeBuilds("enter-node", (build) => {
  test("accepts only known options", () => {
    const run = (...args: string[]) => spawnSync(build.path("enter-node"), args, { encoding: "utf8" });
    expect(run("--version").stdout).toMatch(/^enter-node \d+\.\d+\.\d+\n$/);
    expect(run("--ready", "now")).toMatchObject({
      status: 2,
      stderr: "usage: enter-node [--doctor | --ready | --version]\n",
    });
  });
});

/** The libraries of a dynamically linked program, such as the sanitized build; empty for a static one. */
function librariesOf(program: string): string[] {
  if (!readFileSync(program).includes("/ld-linux")) return [];
  return spawnSync("ldd", [program], { encoding: "utf8" }).stdout.match(/\/\S+/g) ?? [];
}
