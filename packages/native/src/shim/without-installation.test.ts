import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, test } from "vitest";
import { callShim, describeShim, failure } from "../../test/shim-call.ts";

const VERSIONS = ["v1", "v1beta1", "v1alpha1"].map((version) => `credentialprovider.kubelet.k8s.io/${version}`);
const V1 = VERSIONS[0];

describeShim("credential-provider-oke without an installation", ({ path }) => {
  // With the default socket, because only that is ocir-broker's own.
  const call = (stdin: string | Buffer) => callShim(path, "", { stdin });

  test.each(VERSIONS)("returns no credentials and a cache duration of 0 for a request in %s", async (apiVersion) => {
    const stdin = `${JSON.stringify({ kind: "CredentialProviderRequest", apiVersion, image: "icn.ocir.io/acme/app" })}\n`;
    const { stdout, ...rest } = await call(stdin);
    expect(rest).toEqual({ exitCode: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      kind: "CredentialProviderResponse",
      apiVersion,
      cacheKeyType: "Registry",
      cacheDuration: "0s",
      auth: {},
    });
  });

  test("uses the default socket if OCIR_BROKER_SOCKET is not set", async () => {
    const { stdout } = await callCredentialProvider({ path, image: "icn.ocir.io/acme/app" });
    expect(JSON.parse(stdout)).toMatchObject({ auth: {} });
  });

  test("permits anonymous pulls of Oracle's hosts under the name for service accounts", async () => {
    const link = join(temporaryFolder(), "credential-provider-oke-sa");
    symlinkSync(path, link);
    const { exitCode, stdout } = await callShim(link, "");
    const anonymous = { username: "", password: "" };
    const auth = { "*.ocir.io": anonymous, "ocir.*.oci.*.*": anonymous };
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { apiVersion: V1, cacheDuration: "0s", auth }]);
  });

  test.each([
    ["with blanks", ` {\n "apiVersion" :\t"${V1}" }`],
    ["after a value that spells the key", `{"image":"\\"apiVersion\\":\\"x\\"","apiVersion":"${V1}"}`],
    ["after a value that is the key", `{"kind":"apiVersion","apiVersion":"${V1}"}`],
    ["in the largest request", `{"apiVersion":"${V1}"}`.padEnd(256 * 1024, " ")],
  ])("finds the apiVersion %s", async (_how, stdin) => {
    const { stdout } = await call(stdin);
    expect(JSON.parse(stdout)).toMatchObject({ apiVersion: V1, auth: {} });
  });

  test.each([
    ["another group", '{"apiVersion":"v1"}'],
    ["a longer version", `{"apiVersion":"${V1}beta9"}`],
    ["a version that is cut off", `{"apiVersion":"${V1}`],
    ["a number", '{"apiVersion":1}'],
    ["no version", '{"kind":"CredentialProviderRequest"}'],
    ["a NUL byte", Buffer.from(`\0{"apiVersion":"${V1}"}`)],
  ])("fails with one line when stdin holds %s", async (_what, stdin) => {
    expect(await call(stdin)).toEqual(failure("shim-request-invalid"));
  });
});
