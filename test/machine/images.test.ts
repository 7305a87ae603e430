/** First boots of images whose kubelet is at work before user data runs. */
import { beforeAll, expect, it } from "vitest";
import { type Cloud, startCloud } from "./cloud.ts";
import { BOOTSTRAPS, BOOTSTRAPS_ITSELF, STARTS_KUBELET_EARLY } from "./node-files.ts";
import { nodeScriptOf, VERSION } from "./release.ts";
import { CLOUD_INIT_ENDED, newDisk, startMachine } from "./virtual-machine.ts";

let cloud: Cloud;

beforeAll(async () => {
  cloud = await startCloud();
  return () => cloud.close();
});

it.each([
  ["bootstrapped-image", "is bootstrapped by its image before user data", BOOTSTRAPS_ITSELF],
  ["early-kubelet", "has a kubelet that crash-loops until its bootstrap", STARTS_KUBELET_EARLY],
])("%s: a node that %s joins once, and pulls with ocir-broker", async (name, _, mark) => {
  await cloud.forgetNode();
  cloud.setUserData(nodeScriptOf(VERSION));
  const files = [...cloud.files, { from: { text: "" }, to: mark }];
  const machine = await startMachine({ name, disk: newDisk(), files });
  await machine.untilPrinted(CLOUD_INIT_ENDED);
  expect(machine.printed()).not.toContain("without ocir-broker");
  await cloud.runPod("shop");
  expect((await machine.run("cat", BOOTSTRAPS)).split("\n")).toHaveLength(1);
  await machine.shutDown();
});
