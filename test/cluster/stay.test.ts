/** `npm run test:cluster -- --stay`: every command that it prints works, and nothing of it stays after an interrupt. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { describeUnless } from "../system/describe-unless.ts";
import { canRunCluster, lackOfProgram, lackOfTime } from "./can-run-cluster.ts";
import { NEWEST_MINOR } from "./programs.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const LIMIT_MS = 400_000;
const skipped = canRunCluster([NEWEST_MINOR]) ?? lackOfTime ?? lackOfProgram("kubectl", "kubernetes-client");

describeUnless(skipped, "a cluster that stays", () => {
  let said = "";
  let commands: string[] = [];
  const cluster = { stop: async () => {} };

  beforeAll(async () => {
    const main = join(CHECKOUT, "test/cluster/main.ts");
    const child = spawn(process.execPath, [main, "--stay"], { cwd: CHECKOUT, detached: true });
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => (said += String(piece)));
    const isReady = async () => said.includes("Ctrl-C") || child.exitCode !== null;
    cluster.stop = () => {
      // As a terminal does it: all processes of the group.
      if (child.exitCode === null) process.kill(-(child.pid as number), "SIGINT");
      return ended;
    };
    await until("it prints the commands", isReady, LIMIT_MS);
    commands = [...said.matchAll(/^ {2}(dist\/cluster .*)$/gm)].map(([, command = ""]) => command);
    return () => cluster.stop();
  });

  const run = (part: string): string => {
    const command = commands.find((each) => each.includes(part)) ?? expect.unreachable(`${part} is not in\n${said}`);
    try {
      return execFileSync("sh", ["-c", command], { cwd: CHECKOUT, encoding: "utf8" });
    } catch (error) {
      // Doctor's status is not 0 if it finds a problem.
      return String((error as { stdout: string }).stdout);
    }
  };
  const untilSaid = (part: string, text: RegExp) =>
    until(`${part} says ${text}`, async () => text.test(run(part)), LIMIT_MS);

  it("runs a pod, and a denied one as soon as it is granted, and says why it was denied", async () => {
    expect(run("get pods")).toMatch(/^private +1\/1 +Running/m);
    run("run web");
    run('granted":false');
    run("run new");
    await untilSaid("get events", /Failed to pull image/);
    expect(run("doctor")).toContain("policy-missing");
    run('granted":true');
    await untilSaid("get pods", /^web +1\/1 +Running/m);
    await untilSaid("get pods", /^new +1\/1 +Running/m);
    expect(run("status")).toContain("us-ashburn-1.ocir.io");
    await cluster.stop();
    expect(existsSync(join(CHECKOUT, "dist/cluster"))).toBe(false);
  });
});
