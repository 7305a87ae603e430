/**
 * Lazy loading across a token's expiry, as docs/consumers/lazy-loading.md has it: the stargz snapshotter's packages, the real containerd and
 * FUSE. The registry is the simulator, in front of Debian's docker-registry, and refuses a token from its expiry on.
 */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { DOCKER_HELPER, daemonConfig, startDaemon } from "../daemon.ts";
import { startDistribution } from "../real-registry.ts";
import { runProgram } from "../run-program.ts";
import { describeUnless } from "../system/describe-unless.ts";
import { canBootSystemd } from "../system/systemd-root/can-boot-systemd.ts";
import { lackOfProgram, lackOfTime } from "./can-run-cluster.ts";
import { lackOf, STARGZ } from "./consumer-programs.ts";
import { CONTAINERD_PROGRAMS, type LazyNode, type LazyNodeOptions, startLazyNode } from "./lazy-nodes.ts";

const LAYERS = 20;
const ALL_READ = Array<string>(LAYERS).fill("read");
const ALL_FAILED = Array<string>(LAYERS).fill("failed");
/** Long enough for all that is done with the first token, also on a busy machine. */
const TOKEN_LIFE_MS = 60_000;
const HELPER = "docker-credential-ocir";
const REPOSITORY = "acme/shop/web";

const lackOfPrograms = canBootSystemd() ?? lackOfProgram("docker-registry", "docker-registry");
const lackOfFuse = existsSync("/dev/fuse") ? undefined : "needs /dev/fuse";
const lackOfBuilt = lackOf([STARGZ.path, ...CONTAINERD_PROGRAMS]);
const lack =
  lackOfTime ??
  lackOfFuse ??
  lackOfPrograms ??
  (lackOfBuilt && `the stargz snapshotter or containerd is ${lackOfBuilt}`);

describeUnless(lack, `the stargz snapshotter with an image of ${LAYERS} layers`, () => {
  let withHelper: LazyNode;
  let withKubelet: LazyNode;
  let inBackground: LazyNode;
  let image: string;
  let topLayer: string;
  let currentToken: () => Promise<string>;
  let registryToken: () => Promise<string>;
  let isAccepted: (token: string) => Promise<boolean>;

  beforeAll(async () => {
    const directory = temporaryFolder();
    const storage = await startDistribution(directory, { http: { relativeurls: true } });
    const stored = `127.0.0.1:${storage.port}`;
    const simulator = await startSimulator({ storage: new URL(`http://${stored}`), tokenLifeMs: TOKEN_LIFE_MS });
    const { host, origin } = simulator.registryUrl;
    image = `${host}/${REPOSITORY}:1`;
    topLayer = (await runProgram([STARGZ.path, "push", `${stored}/${REPOSITORY}:1`, String(LAYERS)])).trim();

    const config = daemonConfig(directory, simulator, { registryHosts: [host] });
    const daemon = await startDaemon(config);
    const programs = join(directory, "bin");
    mkdirSync(programs);
    symlinkSync(DOCKER_HELPER, join(programs, HELPER));
    const env = { PATH: `${programs}:${process.env["PATH"]}`, OCIR_BROKER_SOCKET: config.credentialsSocket };
    writeFileSync(join(directory, "config.json"), JSON.stringify({ credHelpers: { [host]: "ocir" } }));
    const rootEnv = { ...env, DOCKER_CONFIG: directory };

    currentToken = async () => JSON.parse(await runProgram([HELPER, "get"], { env, input: host })).Secret;
    registryToken = async () => {
      const authorization = `Basic ${Buffer.from(`BEARER_TOKEN:${await currentToken()}`).toString("base64")}`;
      const url = `${origin}/20180419/docker/token?service=${host}&scope=repository:${REPOSITORY}:pull`;
      return ((await (await fetch(url, { headers: { authorization } })).json()) as { token: string }).token;
    };
    isAccepted = async (token) => {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(`${origin}/v2/`, { headers })).status === 200;
    };

    const start = (name: string, options: LazyNodeOptions) => startLazyNode(join(directory, name), options);
    const ofKubelet = { keychain: "cri", env: { ...env, DOCKER_CONFIG: "/nonexistent" } } as const;
    withHelper = await start("helper", { keychain: "docker-config", fetch: "when-read", env: rootEnv });
    withKubelet = await start("kubelet", { ...ofKubelet, fetch: "when-read" });
    inBackground = await start("background", { ...ofKubelet, fetch: "in-background" });
    return async () => {
      for (const node of [withHelper, withKubelet, inBackground]) await node.stop();
      await daemon.stop();
      await simulator.close();
      await storage.stop();
    };
  });

  it("starts a container before the layers are there, with the credential helper and with the kubelet's token", async () => {
    for (const node of [withHelper, withKubelet, inBackground]) {
      await node.pull(image, await currentToken());
      await node.start("first", topLayer);
    }
    for (const node of [withHelper, withKubelet]) {
      expect(await node.read("first", "before", LAYERS)).toEqual(ALL_READ);
      expect(Math.max(...(await node.fetchedPercents("first")))).toBeLessThan(100);
    }
    await until("all layers are fetched in the background", async () => {
      const percents = await inBackground.fetchedPercents("first");
      return percents.length === LAYERS && percents.every((percent) => percent === 100);
    });
    const last = await registryToken();
    expect(await isAccepted(last)).toBe(true);
    await until("the tokens have expired", async () => !(await isAccepted(last)), 2 * TOKEN_LIFE_MS, 500);
  });

  it("with the helper, starts the next container with a fresh token, which also opens the layers that are mounted", async () => {
    expect(await withHelper.read("first", "after", LAYERS)).toEqual(ALL_FAILED);
    await withHelper.start("second", topLayer);
    expect(await withHelper.read("second", "after", LAYERS)).toEqual(ALL_READ);
    expect(await withHelper.read("first", "after", LAYERS)).toEqual(ALL_READ);
  });

  it("with the kubelet's token, starts no container until the image is pulled again", async () => {
    expect(await withKubelet.read("first", "after", LAYERS)).toEqual(ALL_FAILED);
    await expect(withKubelet.start("second", topLayer)).rejects.toThrow("unavailable");
    await withKubelet.pull(image, await currentToken());
    await withKubelet.start("third", topLayer);
    expect(await withKubelet.read("third", "after", LAYERS)).toEqual(ALL_READ);
    expect(await withKubelet.read("first", "after", LAYERS)).toEqual(ALL_READ);
  });

  it("mounts the layers again after a restart with the helper only", async () => {
    await withHelper.restartSnapshotter();
    await withHelper.start("third", topLayer);
    expect(await withHelper.read("third", "after", LAYERS)).toEqual(ALL_READ);
    await expect(withKubelet.restartSnapshotter()).rejects.toThrow("failed to restore");
  });

  it("needs no token for layers that were fetched in the background", async () => {
    expect(await inBackground.read("first", "after", LAYERS)).toEqual(ALL_READ);
    await inBackground.start("second", topLayer);
    expect(await inBackground.read("second", "after", LAYERS)).toEqual(ALL_READ);
  });
});
