/**
 * Oracle's own clients, unmodified, against the simulator at Oracle's addresses: its command line, and its SDKs for Python, Go
 * and TypeScript. Then the manual way of many guides: `oci raw-request` for a token, a login as BEARER_TOKEN, push and pull.
 */
import { join } from "node:path";
import { claimsOf } from "@ocir-broker/credentials/test/kubelet-request";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ImageLayout, writeImageLayout } from "../image-layout.ts";
import { API_HOST, lackOfNamespaces, REGISTRY_HOST, startOracleCloud, TOKEN_URL } from "../oracle-clients/cloud.ts";
import {
  DOMAIN_IDENTITIES,
  giveIdentities,
  IDENTITIES,
  type Identity,
  type IdentityName,
  SERVICE_ACCOUNT,
} from "../oracle-clients/identities.ts";
import { buildGoClient, installPythonClients, lackOfPython, TYPESCRIPT_SDK } from "../oracle-clients/programs.ts";
import { lackOf } from "../real-registry.ts";
import { given } from "./given.ts";

const IMAGE = `${REGISTRY_HOST}/acme/shop/web:1`;
const OCI_CLI_AUTH = {
  instance: "instance_principal",
  user: "api_key",
  session: "security_token",
  resource: "resource_principal",
  workload: "oke_workload_identity",
};
/** As in the guides, without jq. */
const RAW_REQUEST = ["raw-request", "--http-method", "GET", "--target-uri", TOKEN_URL];

const FAILURE = { endpoint: "registry.token", times: 1 };

type SdkRow = [name: string, lack: string, identities: readonly IdentityName[], client: () => readonly string[]];

const lack = lackOfNamespaces() || lackOf("nsenter", "ip", "curl", "docker-registry");

describe.skipIf(lack !== "")(`on a machine in Oracle's cloud${lack}`, () => {
  const cloud = given(startOracleCloud, ({ close }) => close());
  let identities: Readonly<Record<IdentityName, Identity>>;
  let image: ImageLayout;

  beforeAll(async () => {
    identities = await giveIdentities(cloud);
    image = writeImageLayout(join(cloud.directory, "image"), `From ${cloud.directory}\n`);
  });
  beforeEach(() => cloud.reset());

  const noPython = lackOfPython();

  describe.each([
    ["TypeScript", "", IDENTITIES, () => TYPESCRIPT_SDK],
    ["Go", lackOf("go"), [...IDENTITIES, ...DOMAIN_IDENTITIES], () => buildGoClient(cloud.directory)],
    ["Python", noPython, [...IDENTITIES, "domain-client"], () => installPythonClients().sdk],
  ] satisfies SdkRow[])("the client for %s%s", (_sdk, lack, names, client) => {
    let command: readonly string[];
    beforeAll(() => {
      if (lack === "") command = client();
    });

    test.skipIf(lack !== "").each(names)("gets a token with the identity %s", async (name) => {
      const { env, sub, grant } = identities[name];
      await grant?.();
      const token = (await cloud.run([...command, name], { env })).trim();
      expect(claimsOf(token)).toMatchObject({ sub: expect.stringMatching(sub), aud: API_HOST });
      expect(await cloud.refusals()).toEqual([]);
    });

    const requests = async () =>
      ((await cloud.control("GET", "/requests")) as Record<string, number>)["registry.token"];

    test.skipIf(lack !== "")("gets a token after a 429 and a 500, by its own retries", async () => {
      for (const status of [429, 500]) await cloud.control("POST", "/faults", { ...FAILURE, status });
      await cloud.run([...command, "user"]);
      expect(await requests()).toBe(3);
    });

    test.skipIf(lack !== "")("reports a 400 (for a long scope) and a 401, without a retry", async () => {
      const failed = (args: readonly string[] = []) => expect(cloud.run([...command, "user", ...args])).rejects;
      await failed(["x".repeat(1_025)]).toThrow(/400.*InvalidParameter|InvalidParameter.*400/s);
      await cloud.control("POST", "/faults", { ...FAILURE, status: 401 });
      await failed().toThrow(/401.*NotAuthenticated|NotAuthenticated.*401/s);
      expect(await requests()).toBe(2);
    });
  });

  describe.skipIf(noPython !== "")(`with Python${noPython}`, () => {
    let oci: string;

    beforeAll(() => {
      ({ oci } = installPythonClients());
    });

    async function rawRequest(name: keyof typeof OCI_CLI_AUTH = "user"): Promise<string> {
      const env = { ...identities[name].env, OCI_CLI_AUTH: OCI_CLI_AUTH[name] };
      const { status, data } = JSON.parse(await cloud.run([oci, ...RAW_REQUEST], { env }));
      expect([status, data.expires_in]).toEqual(["200 OK", 3_600]);
      const refused = (await cloud.refusals()).filter(({ endpoint }) => /^(metadata|auth)|token$/i.test(endpoint));
      expect(refused).toEqual([]);
      return data.token;
    }

    test.each(IDENTITIES)("oci gets a token with the identity %s", async (name) => {
      expect(claimsOf(await rawRequest(name))).toMatchObject({ sub: expect.stringMatching(identities[name].sub) });
      expect(await cloud.refusals()).toEqual([]);
    });

    test("oci refreshes a session, and gets a token with it", async () => {
      await cloud.run([oci, "session", "refresh", "--profile", "SESSION"]);
      await rawRequest("session");
      expect(await cloud.refusals()).toEqual([]);
    });

    const login = ["login", "--username=BEARER_TOKEN", "--password-stdin", REGISTRY_HOST];
    const pushWithSkopeo = () => cloud.run(["skopeo", "copy", `oci:${image.path}:latest`, `docker://${IMAGE}`]);

    const noPodman = lackOf("podman", "skopeo");
    test.skipIf(noPodman !== "")(`oci, skopeo and podman: a user pushes, a node pulls${noPodman}`, async () => {
      await cloud.run(["skopeo", ...login], { input: await rawRequest() });
      await pushWithSkopeo();
      await cloud.run(["skopeo", "logout", REGISTRY_HOST]);

      const pull = ["podman", "pull", "--quiet", IMAGE];
      await expect(cloud.run(pull)).rejects.toThrow("Anonymous users are only allowed read access on public repos");
      await cloud.run(["podman", ...login], { input: await rawRequest("instance") });
      await cloud.run(pull);
      expect((await cloud.run(["podman", "image", "inspect", "--format={{.Digest}}", IMAGE])).trim()).toBe(
        image.digest,
      );
      await expect(cloud.run(["podman", "push", IMAGE])).rejects.toThrow(
        /User UserId\(ocid1\.instance\..*\) not authorized/,
      );
      await cloud.iam({ writable: true });
      await cloud.run(["podman", "push", IMAGE]);
      await cloud.iam({ granted: false });
      await expect(cloud.run(pull)).rejects.toThrow(/denied: User UserId\(ocid1\.instance\..*\) not authorized/);
    });

    test.skipIf(noPodman !== "")(
      `oci and skopeo: a service account reads what its policy grants${noPodman}`,
      async () => {
        await cloud.run(["skopeo", ...login], { input: await rawRequest() });
        await pushWithSkopeo();

        const read = ["skopeo", "inspect", "--raw", `docker://${IMAGE}`];
        await cloud.run(["skopeo", ...login], { input: await rawRequest("workload") });
        await expect(cloud.run(read)).rejects.toThrow(/User UserId\(ocid1\.workload\..*\) not authorized/);
        await cloud.iam({ repository: "acme/shop/web", serviceAccount: SERVICE_ACCOUNT, granted: true });
        expect(await cloud.run(read)).toContain("schemaVersion");
      },
    );
  });
});
