import { callCredentialProvider } from "@ocir-broker/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { because, builtPath, distPath, make, RELEASE, SANITIZED } from "../test/native-builds.ts";
import { lineOf } from "../test/shim-call.ts";

const VERSIONS = ["v1", "v1beta1", "v1alpha1"].map((version) => `credentialprovider.kubelet.k8s.io/${version}`);
const V1 = VERSIONS[0];

describe.each([
  { ...RELEASE, path: distPath("do-nothing-provider") },
  { ...SANITIZED, path: builtPath("sanitized/do-nothing-provider") },
])("do-nothing-provider ($name)", (build) => {
  const isLacking = build.lacking !== undefined;
  beforeAll(() => make("install", ...(SANITIZED.lacking === undefined ? ["sanitize"] : [])), 120_000);
  const call = (stdin: string | Buffer) => callCredentialProvider({ path: build.path, stdin });
  const title = (text: string) => `${text} (${because(build)})`;

  test.skipIf(isLacking).each(VERSIONS)(
    title("answers a request of %s with no credentials, nothing to keep"),
    async (apiVersion) => {
      const stdin = `${JSON.stringify({ kind: "CredentialProviderRequest", apiVersion, image: "icn.ocir.io/acme/app" })}\n`;
      const result = await call(stdin);
      expect([result.exitCode, result.stderr]).toEqual([0, ""]);
      expect(JSON.parse(result.stdout.toString())).toEqual({
        kind: "CredentialProviderResponse",
        apiVersion,
        cacheKeyType: "Registry",
        cacheDuration: "0s",
        auth: {},
      });
    },
  );

  test.skipIf(isLacking).each([
    ["with blanks", ` {\n "apiVersion" :\t"${V1}" }`],
    ["after a value that spells the key", `{"image":"\\"apiVersion\\":\\"x\\"","apiVersion":"${V1}"}`],
    ["after a value that is the key", `{"kind":"apiVersion","apiVersion":"${V1}"}`],
    ["in the largest request", `{"apiVersion":"${V1}"}`.padEnd(256 * 1024, " ")],
  ])(title("finds the apiVersion %s"), async (_how, stdin) => {
    const result = await call(stdin);
    expect(JSON.parse(result.stdout.toString())).toMatchObject({ apiVersion: V1, auth: {} });
  });

  test.skipIf(isLacking).each([
    ["nothing", ""],
    ["another group", '{"apiVersion":"v1"}'],
    ["a longer version", `{"apiVersion":"${V1}beta9"}`],
    ["a version that is cut off", `{"apiVersion":"${V1}`],
    ["a number", '{"apiVersion":1}'],
    ["no version", '{"kind":"CredentialProviderRequest"}'],
    ["a NUL byte", Buffer.from(`\0{"apiVersion":"${V1}"}`)],
    ["too much", `{"apiVersion":"${V1}"}`.padEnd(256 * 1024 + 1, " ")],
  ])(title("fails with one line when stdin holds %s"), async (_what, stdin) => {
    const result = await call(stdin);
    expect([result.exitCode, result.stdout.length]).toEqual([1, 0]);
    expect(result.stderr).toMatch(lineOf("shim-request-invalid"));
  });

  test.skipIf(isLacking)(title("--version says what it is"), async () => {
    const result = await callCredentialProvider({ path: build.path, args: ["--version"], stdin: "" });
    expect(result.stdout.toString()).toMatch(/^ocir-broker do-nothing provider \d+\.\d+\.\d+\n$/);
  });
});
