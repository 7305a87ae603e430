/**
 * Runs the commands of all pages: on a worker node, in a checkout, with the clients of a registry. Those that are not run are in
 * test/documentation/needs.ts.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { commandsOn, programOf, type Stage } from "../documentation/pages.ts";
import { variantsOf } from "../documentation/variants.ts";
import { lackAsRoot, lackOf } from "../real-registry.ts";
import { describeUnless } from "./describe-unless.ts";
import { type CheckoutStage, copyCheckout } from "./documentation/checkout-stage.ts";
import { runWithClients } from "./documentation/clients-stage.ts";
import { bootNodeStage } from "./documentation/node-stage.ts";
import { given } from "./given.ts";
import { isLongRun } from "./long-run.ts";
import { cannotPackage } from "./packages/built-packages.ts";
import { canBootSystemd } from "./systemd-root/systemd-root.ts";

/** Time to build an archive and install packages. */
const STAGE_LIMIT_MS = 600_000;

/** Each command once, with all its places. */
function scriptsOn(stage: Stage): [script: string, places: string][] {
  const places = new Map<string, string[]>();
  for (const { text, place } of commandsOn(stage)) {
    for (const script of scriptsIn(text, stage)) {
      places.set(script, [...(places.get(script) ?? []), place]);
    }
  }
  return [...places].map(([script, where]) => [script, where.join(", ")]);
}

/** In a checkout, each line is run alone if it starts a command. */
function scriptsIn(text: string, stage: Stage): string[] {
  if (!text.includes("\n")) return variantsOf(text);
  const lines = text.split("\n").filter((line) => line !== "");
  const isList = stage === "checkout" && lines.every((line) => programOf(line) !== undefined);
  return isList ? lines.map((line) => line.replace(/ +#.*$/, "")) : [text];
}

describeUnless(canBootSystemd(), "on a node", () => {
  const stage = given(bootNodeStage, ({ powerOff }) => powerOff(), STAGE_LIMIT_MS);

  it.each(scriptsOn("node"))("%s (%s)", async (script) => {
    const { exitCode, stdout, stderr } = await stage.run(script);
    expect({ exitCode, said: exitCode === 0 ? "" : `${stdout}${stderr}` }).toEqual({ exitCode: 0, said: "" });
  });
});

const lackOfCheckout = lackOf("git", "prometheus", "promtool", "xz") || (cannotPackage() ?? "");

function describeCheckout(): void {
  let stage: CheckoutStage;

  beforeAll(async () => {
    stage = await copyCheckout();
  }, STAGE_LIMIT_MS);

  it.each(scriptsOn("checkout"))("%s (%s)", { timeout: 1_800_000 }, async (script) => {
    const { exitCode, said } = await stage.run(script);
    expect({ exitCode, said: exitCode === 0 ? "" : said }).toEqual({ exitCode: 0, said: "" });
  });
}

/** .ci/run itself runs most of these commands, on a clone. */
if (isLongRun) describe.skipIf(lackOfCheckout !== "")(`in a checkout${lackOfCheckout}`, describeCheckout);

const lackOfClients = lackAsRoot(
  ...["skopeo", "podman", "docker", "dockerd", "buildah", "containerd", "docker-registry"],
);

describe.skipIf(lackOfClients !== "")(`with the clients of a registry${lackOfClients}`, () => {
  it("all blocks, one after the other", async () => {
    const scripts = commandsOn("clients");
    expect(scripts.length).toBeGreaterThan(5);
    await runWithClients(scripts);
  });
});
