/**
 * Runs the commands of all pages: on a worker node, in a checkout (there, of npm's only the names of the scripts are checked), with the
 * clients of a registry. Those that are not run are in test/documentation/needs.ts.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import checkout from "../../package.json" with { type: "json" };
import { CHECKOUT, commandsOn, programOf, type Stage } from "../documentation/pages.ts";
import { variantsOf } from "../documentation/variants.ts";
import { lackAsRoot } from "../real-registry.ts";
import { describeUnless } from "./describe-unless.ts";
import { runWithClients } from "./documentation/clients-stage.ts";
import { bootNodeStage } from "./documentation/node-stage.ts";
import { given } from "./given.ts";
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

describe("in a checkout", () => {
  const scripts = scriptsOn("checkout");
  const isOfNpm = ([script]: (typeof scripts)[number]) => script.includes("npm ");

  // .ci/run runs most of them.
  it.each(scripts.filter(isOfNpm))("%s (%s) names a script", (script) => {
    const names = [...script.matchAll(/npm (?:run )?([\w:-]+)/g)].map(([, name]) => name);
    expect([...Object.keys(checkout.scripts), "ci", "cit"]).toEqual(expect.arrayContaining(names));
  });

  it.each(scripts.filter(([script]) => script.includes("dist/packages")))("%s (%s)", (script) => {
    const folder = temporaryFolder();
    cpSync(join(CHECKOUT, "cloud-init"), join(folder, "cloud-init"), { recursive: true });
    mkdirSync(join(folder, "dist/packages"), { recursive: true });
    copyFileSync(join(CHECKOUT, "cloud-init/ocir-broker-node.sh"), join(folder, "dist/packages/ocir-broker-node.sh"));
    execFileSync("bash", ["-euo", "pipefail", "-c", script], { cwd: folder });
  });
});

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
