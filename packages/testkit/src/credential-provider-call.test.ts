import { expect, test } from "vitest";
import { callCredentialProvider } from "./credential-provider-call.ts";

const shell = (script: string) => ({ path: "/bin/sh", args: ["-c", script] });

test("callCredentialProvider sends one JSON object and a newline, then ends stdin", async () => {
  const result = await callCredentialProvider({ path: "/bin/cat", image: "icn.ocir.io/acme/app" });
  expect(result.stdout.toString()).toBe(
    '{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"icn.ocir.io/acme/app"}\n',
  );
  expect(result).toMatchObject({ exitCode: 0, signal: null, stderr: "" });
  expect(result.elapsedMs).toBeGreaterThan(0);
});

test("callCredentialProvider sends given bytes as they are", async () => {
  const stdin = Buffer.from([0, 255, 10]);
  expect((await callCredentialProvider({ path: "/bin/cat", stdin })).stdout).toEqual(stdin);
});

test("callCredentialProvider gives the kubelet's environment with the provider's on top, and nothing of the test's", async () => {
  const result = await callCredentialProvider({
    path: "/usr/bin/env",
    env: { LANG: "C", OCIR_BROKER_SOCKET: "/s" },
    image: "",
  });
  const names = Object.fromEntries(
    result.stdout
      .toString()
      .trim()
      .split("\n")
      .map((line) => line.split("=", 2)),
  );
  expect(names).toEqual({
    LANG: "C",
    OCIR_BROKER_SOCKET: "/s",
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  });
});

test("callCredentialProvider reports exit status and stderr, whether or not stdin was read", async () => {
  const result = await callCredentialProvider({ ...shell("echo no >&2; exit 3"), stdin: Buffer.alloc(1_000_000) });
  expect(result).toMatchObject({ exitCode: 3, signal: null, stderr: "no\n" });
});

test("callCredentialProvider kills at the limit", async () => {
  const result = await callCredentialProvider({ path: "/bin/sleep", args: ["60"], image: "", timeoutMs: 50 });
  expect(result).toMatchObject({ exitCode: null, signal: "SIGKILL" });
});

test("callCredentialProvider rejects where there is no such program", async () => {
  await expect(callCredentialProvider({ path: "/nowhere/provider", image: "" })).rejects.toMatchObject({
    code: "ENOENT",
  });
});
