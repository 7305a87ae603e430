/**
 * Oracle's own clients, unmodified, against the simulator at Oracle's addresses: its command line, and its SDKs for Python, Go
 * and TypeScript. Then the manual way of many guides: `oci raw-request` for a token, a login as BEARER_TOKEN, push and pull.
 */
import { join } from "node:path";
import type { ApiKeySettings } from "@ocir-broker/oci-simulator";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { claimsOf } from "../e2e/stage.ts";
import { type ImageLayout, writeImageLayout } from "../image-layout.ts";
import {
  lackOfNamespaces,
  type OracleCloud,
  REGISTRY_HOST,
  startOracleCloud,
  TOKEN_URL,
} from "../oracle-clients/cloud.ts";
import { giveApiKey, giveResourcePrincipal, giveSession } from "../oracle-clients/identities.ts";
import { buildGoClient, installPythonClients, lackOfPython, TYPESCRIPT_SDK } from "../oracle-clients/programs.ts";
import { startDockerd } from "../real-clients.ts";
import { lackOf } from "../real-registry.ts";

const IMAGE = `${REGISTRY_HOST}/acme/shop/web:1`;
const AS_INSTANCE = { OCI_CLI_AUTH: "instance_principal" };

const lack = lackOfNamespaces() || lackOf("nsenter", "ip", "curl", "docker-registry");

describe.skipIf(lack !== "")(`on a machine in Oracle's cloud${lack}`, () => {
  let cloud: OracleCloud;
  let user: ApiKeySettings;
  let asResource: Record<string, string>;
  let image: ImageLayout;

  beforeAll(async () => {
    cloud = await startOracleCloud();
    user = await giveApiKey(cloud);
    await giveSession(cloud);
    asResource = await giveResourcePrincipal(cloud);
    image = writeImageLayout(join(cloud.directory, "image"), `From ${cloud.directory}\n`);
  });
  beforeEach(() => cloud.reset());
  afterAll(() => cloud?.close());

  async function expectTokens(client: readonly string[]): Promise<void> {
    for (const [identity, subject] of [
      ["instance", expect.stringMatching(/^ocid1\.instance\./)],
      ["user", user.user],
      ["session", user.user],
      ["resource", expect.stringMatching(/^ocid1\.computecontainerinstance\./)],
    ]) {
      const env = identity === "resource" ? asResource : {};
      const token = (await cloud.run([...client, identity, TOKEN_URL], { env })).trim();
      expect(claimsOf(token)).toMatchObject({ sub: subject, tenant: user.tenancy, aud: REGISTRY_HOST });
    }
    expect(await cloud.refusals()).toEqual([]);
  }

  test("the SDK for TypeScript gets tokens as each identity", async () => {
    await expectTokens(TYPESCRIPT_SDK);
  });

  const noGo = lackOf("go");
  test.skipIf(noGo !== "")(`the SDK for Go gets tokens as each identity${noGo}`, async () => {
    await expectTokens(buildGoClient(cloud.directory));
  });

  const noPython = lackOfPython();
  describe.skipIf(noPython !== "")(`with Python${noPython}`, () => {
    let oci: string;
    let sdk: readonly string[];

    beforeAll(() => {
      ({ oci, sdk } = installPythonClients());
    });

    test("the SDK for Python gets tokens as each identity", async () => {
      await expectTokens(sdk);
    });

    /** As the guides have it, but for jq. */
    async function rawRequest(env: Record<string, string> = {}): Promise<string> {
      const command = [oci, "raw-request", "--http-method", "GET", "--target-uri", TOKEN_URL];
      const { status, data } = JSON.parse(await cloud.run(command, { env }));
      expect([status, data.expires_in]).toEqual(["200 OK", 3_600]);
      const refused = (await cloud.refusals()).filter(({ endpoint }) => /^(metadata|auth)|token$/i.test(endpoint));
      expect(refused).toEqual([]);
      return data.token;
    }

    test("oci gets tokens with a session, which it refreshes, and as a resource principal", async () => {
      const asSession = { OCI_CLI_AUTH: "security_token", OCI_CLI_PROFILE: "SESSION" };
      const before = await rawRequest(asSession);
      expect(claimsOf(before)).toMatchObject({ sub: user.user });
      await cloud.run([oci, "session", "refresh", "--profile", "SESSION"]);
      expect(claimsOf(await rawRequest(asSession))).toMatchObject({ sub: user.user });
      const token = await rawRequest({ ...asResource, OCI_CLI_AUTH: "resource_principal" });
      expect(claimsOf(token)).toMatchObject({ sub: expect.stringMatching(/^ocid1\.computecontainerinstance\./) });
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
      await cloud.run(["podman", ...login], { input: await rawRequest(AS_INSTANCE) });
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

    const noDocker = lackOf("docker", "dockerd");
    test.skipIf(noDocker !== "")(`oci and docker: a user pushes, a node pulls${noDocker}`, async () => {
      const docker = ["docker", "--host", await startDockerd(cloud)];
      await expect(cloud.run([...docker, ...login], { input: "wrong" })).rejects.toThrow("Unauthorized");
      await cloud.run([...docker, ...login], { input: await rawRequest() });
      await cloud.run([...docker, "load", "--input", await archive()]);
      await cloud.run([...docker, "push", IMAGE]);
      await cloud.run([...docker, "logout", REGISTRY_HOST]);
      await cloud.run([...docker, "rmi", IMAGE]);

      const pull = [...docker, "pull", IMAGE];
      await expect(cloud.run(pull)).rejects.toThrow("Anonymous users are only allowed read access on public repos");
      await cloud.run([...docker, ...login], { input: await rawRequest(AS_INSTANCE) });
      expect(await cloud.run(pull)).toContain("Downloaded newer image");
    });

    /** The file that `docker load` takes. */
    async function archive(): Promise<string> {
      const path = join(cloud.directory, "image.tar");
      await cloud.run(["skopeo", "copy", `oci:${image.path}:latest`, `docker-archive:${path}:${IMAGE}`]);
      return path;
    }
  });
});
