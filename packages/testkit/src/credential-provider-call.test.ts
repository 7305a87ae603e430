import { expect, test } from "vitest";
import { callCredentialProvider } from "./credential-provider-call.ts";

test("callCredentialProvider passes the kubelet's and the provider's environment, but not the test's", async () => {
  const env = { LANG: "C", OCIR_BROKER_SOCKET: "/s" };
  const { stdout } = await callCredentialProvider({ path: "/usr/bin/env", env, image: "" });
  expect(stdout.toString().trim().split("\n").sort()).toEqual([
    "LANG=C",
    "OCIR_BROKER_SOCKET=/s",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  ]);
});
