/** Runs as a container's entry point: own mount namespace and root, in the process id namespace of a simulated node. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { because, builtPath, distPath, make, RELEASE, SANITIZED } from "../test/native-builds.ts";

const canMakeNamespaces = spawnSync("unshare", ["--pid", "--fork", "--mount-proc", "true"]).status === 0;
/** The node's process 1: starts the container, prints its exit status, and ends everything with it. */
const NODE = `
unshare --mount sh -c 'mount -t proc proc "$1/proc" && exec chroot "$1" /enter-node $2' sh "$1" "$2" &
echo $! >"$1/pid"
wait $! 2>/dev/null
echo "ended with $?"
`;

interface Container {
  readonly image: string;
  readonly node: ChildProcess;
  /** The output so far. */
  said(): string;
  /** Sends a signal to enter-node only. */
  signal(name: string): void;
  readonly ended: Promise<unknown>;
}

describe.each([
  { ...RELEASE, path: distPath("enter-node") },
  { ...SANITIZED, path: builtPath("sanitized/enter-node") },
])("enter-node ($name)", (build) => {
  const lacking = build.lacking ?? (canMakeNamespaces ? undefined : "needs root and namespaces");
  const title = (text: string) => `${text} (${because({ ...build, lacking })})`;
  beforeAll(() => make("install", ...(SANITIZED.lacking === undefined ? ["sanitize"] : [])), 120_000);

  function start(script: string, option = ""): Container {
    const image = mkdtempSync(join(tmpdir(), "ocir-enter-node-"));
    onTestFinished(() => rmSync(image, { recursive: true }));
    for (const folder of ["proc", "status", "ocir-broker"]) mkdirSync(join(image, folder));
    copyFileSync(build.path, join(image, "enter-node"));
    for (const library of librariesOf(build.path)) {
      mkdirSync(join(image, library, ".."), { recursive: true });
      copyFileSync(library, join(image, library));
    }
    writeFileSync(join(image, "ocir-broker/daemonset.sh"), script);
    writeFileSync(join(image, "status/ready"), "of an earlier run");
    const node = spawn("unshare", [
      "--pid",
      "--fork",
      "--kill-child",
      "--mount-proc",
      "sh",
      "-c",
      NODE,
      "sh",
      image,
      option,
    ]);
    let said = "";
    for (const stream of [node.stdout, node.stderr]) stream.on("data", (piece: Buffer) => (said += piece));
    const ended = once(node, "close");
    onTestFinished(async () => {
      node.kill("SIGKILL");
      await ended;
    });
    const signal = (name: string) => {
      // This process id is in the node's namespace.
      const inside = execFileSync("pgrep", ["-P", String(node.pid)], { encoding: "utf8" }).trim();
      const enter = [
        "--target",
        inside,
        "--pid",
        "--mount",
        "sh",
        "-c",
        `kill -s ${name} $(cat "$1/pid")`,
        "sh",
        image,
      ];
      // Its status says nothing: a signal that ends the namespace may end the sender first.
      spawnSync("nsenter", enter);
    };
    return { image, node, said: () => said, signal, ended };
  }

  test.skipIf(lacking)(title("runs the script in the node's mount namespace, and passes its status on"), async () => {
    const { image, said, ended } = start(`
      [ "$(readlink /proc/self/ns/mnt)" = "$(readlink /proc/1/ns/mnt)" ] && echo on the node, in "$PWD"
      cmp "$0" "$OCIR_BROKER_IMAGE/ocir-broker/daemonset.sh" && echo the image is there
      [ -e "$OCIR_BROKER_IMAGE/status/ready" ] || echo not ready yet
      exit 7`);
    await ended;
    expect(said()).toBe("on the node, in /\nthe image is there\nnot ready yet\nended with 7\n");
    expect(existsSync(join(image, "status/ready"))).toBe(false);
  });

  test.skipIf(lacking)(title("stays when the script has ended well, until it is told to end"), async () => {
    const { image, said, signal, ended } = start(`: >"$OCIR_BROKER_IMAGE/status/ready"; echo done`);
    await until(() => said() === "done\n" && existsSync(join(image, "status/ready")));
    const isReady = 'mount -t proc proc "$1/proc" && exec chroot "$1" /enter-node --ready';
    const probe = () => spawnSync("unshare", ["--mount", "sh", "-c", isReady, "sh", image]).status;
    expect(probe()).toBe(0);
    rmSync(join(image, "status/ready"));
    expect(probe()).toBe(1);
    signal("TERM");
    await ended;
    expect(said()).toBe("done\nended with 0\n");
  });

  test.skipIf(lacking)(title("runs doctor once, and ends as it does"), async () => {
    const { said, ended } = start('echo "examines: $*"', "--doctor");
    await ended;
    expect(said()).toBe("examines: doctor\nended with 0\n");
  });

  test.skipIf(lacking)(title("lets the script finish what it has begun when it is told to end"), async () => {
    const { image, said, signal, ended } = start(`
      trap 'echo told to end' TERM
      echo begun
      sh -c 'until [ -e "$OCIR_BROKER_IMAGE/status/go-on" ]; do sleep 0.05; done; echo finished'
      exit 0`);
    await until(() => said() === "begun\n");
    signal("TERM");
    writeFileSync(join(image, "status/go-on"), "");
    await ended;
    expect(said()).toBe("begun\nfinished\ntold to end\nended with 0\n");
  });

  test.skipIf(lacking)(title("says so when the shell is killed"), async () => {
    const { said, ended } = start("kill -KILL $$");
    await ended;
    expect(said()).toBe("ended with 137\n");
  });

  test.skipIf(lacking)(title("leaves no shell behind when it is killed"), async () => {
    const { said, signal, ended } = start("echo begun; exec sleep 1000");
    await until(() => said() === "begun\n");
    signal("KILL");
    // The sleep has inherited the pipe, which would otherwise stay open.
    await ended;
    expect(said()).toBe("begun\nended with 137\n");
  });

  test.skipIf(lacking)(title("refuses to run where the node is hidden"), () => {
    const { status, stderr } = spawnSync("unshare", ["--pid", "--fork", "--mount-proc", build.path], {
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([
      1,
      "ocir-broker-daemonset: the first process is in this container's own mount namespace; the pod needs hostPID: true\n",
    ]);
  });

  test.skipIf(build.lacking)(title("takes two options and nothing else"), () => {
    const run = (...args: string[]) => spawnSync(build.path, args, { encoding: "utf8" });
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

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(20);
}
