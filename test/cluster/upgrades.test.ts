/**
 * From an earlier release to a later one and back, under 50 calls a second and with pull secrets in use: by the .deb, and by
 * the charts with their images, which have the archive. OCIR_BROKER_UPGRADE names two folders of `npm run package` below the checkout: `dist/earlier:dist/packages`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Secret } from "@kubernetes/client-node";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { underLoad } from "../system/simulated-node.ts";
import { describeCluster } from "./describe-cluster.ts";
import { loginsIn } from "./docker-logins.ts";
import { givenKubernetes } from "./given.ts";
import { loadImage } from "./images.ts";
import { ADMIN_ENV, namespacePath } from "./kubernetes-api.ts";
import { imageOf, REGISTRY_HOST } from "./node-files.ts";
import { NAME, pullSecret, RELEASE_NAMESPACE, resourcesPath } from "./pull-secret-objects.ts";
import { createReleaseNamespace, DEPLOYMENT, SIMULATED } from "./pull-secrets-cluster.ts";
import { ISSUER } from "./services.ts";

const [EARLIER, LATER] =
  process.env["OCIR_BROKER_UPGRADE"]?.split(":").map((folder) => `/opt/checkout/${folder}`) ?? [];
const lack = LATER === undefined ? "OCIR_BROKER_UPGRADE names no two releases" : undefined;
const RELEASES = { earlier: EARLIER ?? "", later: LATER ?? "" };
type Which = keyof typeof RELEASES;
/** At 50 a second, together 10 000. */
const CALLS = { "the .deb": 4_000, "the chart": 6_000 };
const REPOSITORY = {
  "ocir-broker": "registry.example.com/daemonset",
  "ocir-pull-secrets": "registry.example.com/pulls",
};
type Chart = keyof typeof REPOSITORY;
const TOKEN = "/run/load.token";
const LONG = { timeoutMs: 1_200_000 };

describeCluster(
  "an upgrade and a downgrade",
  (minor) => {
    const apiServerFlags = ["--allow-privileged"];
    const node = givenKubernetes({ minor, hasHelm: true, hasPodNetwork: true, tokenLifeS: 600, apiServerFlags });

    beforeAll(async () => {
      await node.bootstrap();
      await node.api.createNamespace("shop");
      await node.api.createServiceAccount("shop", NAME);
      await node.control("/iam", { repository: "acme/shop", serviceAccount: `shop/${NAME}`, granted: true });
      const config = {
        serviceAccounts: { tokenExchange: "oke", audience: ISSUER },
        registries: { prefetch: [REGISTRY_HOST] },
      };
      node.root.write("/etc/ocir-broker/config.yaml", JSON.stringify(config));
      const path = `${namespacePath("shop")}/serviceaccounts/${NAME}/token`;
      const spec = { audiences: [ISSUER], expirationSeconds: 7_200 };
      const { status } = await node.api.request<{ status: { token: string } }>("POST", path, { spec });
      node.root.write(TOKEN, status.token);
    });

    const sh = (command: string) => node.root.run("sh", ["-ec", command], LONG);
    const asAdmin = (program: "helm" | "kubectl", ...args: readonly string[]) =>
      node.root.run(program, args, { ...LONG, env: ADMIN_ENV });

    /** Changes to the later release and back, again and again, until there were so many calls. None may fail. */
    async function expectUnnoticed(calls: number, change: (to: Which) => Promise<unknown>): Promise<void> {
      const kubelet = await node.root.property("kubelet", "MainPID");
      let changes = 0;
      const work = async () => {
        const endsAtMs = performance.now() + calls * 20;
        for (; changes < 2 || performance.now() < endsAtMs; changes++)
          await change(changes % 2 === 0 ? "later" : "earlier");
        if (changes % 2 === 1) await change("earlier");
      };
      const report = await underLoad(node.root, work, { image: imageOf("shop"), tokenFile: TOKEN, ...LONG });
      console.info(
        `${changes} changes, ${report.calls} calls, ${report.failures.length} failed, ${report.tokens.length} tokens`,
      );
      expect(report.failures).toEqual([]);
      expect(report.calls).toBeGreaterThanOrEqual(calls);
      expect(await node.root.property("kubelet", "MainPID")).toBe(kubelet);
    }

    it("by the .deb fails no call", async () => {
      const install = (which: Which) => sh(`dpkg -i ${RELEASES[which]}/*_amd64.deb`);
      await install("earlier");
      await expectUnnoticed(CALLS["the .deb"], install);
      await sh("dpkg -r ocir-broker");
    });

    const fileOf = async (pattern: string) => (await sh(`ls ${pattern}`)).split("\n")[0] ?? "";
    const loadImages = async (chart: Chart) => {
      for (const folder of Object.values(RELEASES)) {
        const values = await asAdmin("helm", "show", "values", await fileOf(`${folder}/${chart}-[0-9]*.tgz`));
        const digest = /sha256:\w+/.exec(values)?.[0] ?? "";
        const file = await fileOf(`${folder}/${chart.replace("broker", "broker-daemonset")}-*.oci.tar`);
        await loadImage(node, file, REPOSITORY[chart], digest);
      }
    };
    const upgradeTo = async (which: Which, chart: Chart, ...flags: string[]) => {
      const file = await fileOf(`${RELEASES[which]}/${chart}-[0-9]*.tgz`);
      const release = [chart, file, "-n", chart, "--create-namespace"];
      const image = ["--set", `image.repository=${REPOSITORY[chart]},image.pullPolicy=Never`];
      await asAdmin("helm", "upgrade", "--install", ...release, ...image, ...flags);
    };
    const untilRolledOut = (chart: Chart, kind: string) =>
      asAdmin("kubectl", "-n", chart, "rollout", "status", `${kind}/${chart}`, "--timeout=600s");

    it("by the charts fails no call, and no pull secret is without a token that works", async () => {
      await loadImages("ocir-broker");
      await loadImages("ocir-pull-secrets");
      const ofNodes = async (which: Which) => {
        await upgradeTo(which, "ocir-broker", "--set", "kubelet.restart=oneByOne");
        await untilRolledOut("ocir-broker", "daemonset");
      };
      const ofPullSecrets = async (which: Which) => {
        await upgradeTo(which, "ocir-pull-secrets");
        await node.api.request("APPLY", `${DEPLOYMENT}?fieldManager=test&force=true`, SIMULATED);
        await untilRolledOut("ocir-pull-secrets", "deployment");
      };
      await ofNodes("earlier");
      await createReleaseNamespace(node);
      expect(RELEASE_NAMESPACE).toBe("ocir-pull-secrets");
      await ofPullSecrets("earlier");
      await node.api.request("POST", resourcesPath("shop"), pullSecret({ registries: [REGISTRY_HOST] }));
      await until("the pull secret works", async () => (await statusOfPull()) === "200", 120_000);
      const statuses: string[] = [];
      let isOver = false;
      const pulls = (async () => {
        for (; !isOver; await sleep(200)) statuses.push(await statusOfPull());
      })();
      try {
        await expectUnnoticed(CALLS["the chart"], async (which) => {
          await ofNodes(which);
          await ofPullSecrets(which);
        });
      } finally {
        isOver = true;
        await pulls;
      }
      console.info(`${statuses.length} uses of the pull secret`);
      expect(statuses.filter((status) => status !== "200")).toEqual([]);
    });

    /** Of a request for the image with the Secret's token. */
    async function statusOfPull(): Promise<string> {
      const path = `${namespacePath("shop")}/secrets/${NAME}`;
      const secret = await node.api.request<V1Secret>("GET", path).catch(() => undefined);
      const token = loginsIn(secret)[REGISTRY_HOST]?.password;
      const request = ["-sk", "-o", "/dev/null", "-w", "%{http_code}", "-H", `Authorization: Bearer ${token}`];
      return node.root.run("curl", [...request, `https://${REGISTRY_HOST}/v2/acme/shop/manifests/1`]);
    }
  },
  lack,
);
