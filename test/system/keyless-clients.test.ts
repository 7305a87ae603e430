/**
 * Clients that push and pull as a CI job and as a pod, unmodified and at Oracle's addresses: docker-credential-ocir gets each token with
 * the identity of its caller, and nothing is stored.
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BROKER } from "../daemon.ts";
import { writeImageLayout } from "../image-layout.ts";
import { lackOfNamespaces, type OracleCloud, REGISTRY_HOST, startOracleCloud } from "../oracle-clients/cloud.ts";
import { giveJob, giveServiceAccount, SERVICE_ACCOUNT } from "../oracle-clients/identities.ts";
import { lackOf } from "../real-registry.ts";
import { given } from "./given.ts";

const REPOSITORY = "acme/shop/web";
const NAME = `${REGISTRY_HOST}/${REPOSITORY}`;
const GROUP = "pushers";

type Environment = Readonly<Record<string, string>>;
/** Shell commands that push `${NAME}:1`, which is there, as `${NAME}:2`. */
type Commands = (cloud: OracleCloud) => Promise<string[]> | string[];

const IDENTITIES: readonly (readonly [name: string, give: (cloud: OracleCloud) => Promise<Environment>])[] = [
  [
    "a job of GitHub Actions",
    async (cloud) => {
      await cloud.iam({ repository: REPOSITORY, group: GROUP, granted: true });
      return giveJob(cloud, GROUP);
    },
  ],
  [
    "a pod",
    async (cloud) => {
      await cloud.iam({ repository: REPOSITORY, serviceAccount: SERVICE_ACCOUNT, granted: true });
      const { env } = await giveServiceAccount(cloud);
      return { ...env, OCI_CLI_AUTH: "oke_workload_identity" };
    },
  ],
];

const CLIENTS: readonly (readonly [client: string, commands: Commands])[] = [
  ["skopeo", () => [`skopeo copy docker://${NAME}:1 docker://${NAME}:2`]],
  ["podman", () => [`podman pull ${NAME}:1`, `podman push ${NAME}:1 ${NAME}:2`]],
  ["buildah", () => [`buildah pull ${NAME}:1`, `buildah push ${NAME}:1 docker://${NAME}:2`]],
  ["dockerd", withDocker],
];

const lack = lackOfNamespaces() || lackOf("nsenter", "ip", "curl", "docker-registry", "skopeo");

describe.skipIf(lack !== "")(`without a stored key${lack}`, () => {
  const cloud = given(startOracleCloud, ({ close }) => close());

  beforeEach(() => cloud.reset());

  describe.each(CLIENTS)("%s", (client, prepare) => {
    const lack = lackOf(client);
    let commands: readonly string[];
    beforeAll(async () => {
      if (lack === "") commands = await prepare(cloud);
    });

    it.skipIf(lack !== "").each(IDENTITIES)(`pushes and pulls as %s${lack}`, async (_name, give) => {
      const image = writeImageLayout(join(cloud.directory, "image"), `From ${cloud.directory}\n`);
      await cloud.iam({ repository: REPOSITORY, writable: true });
      const identity = await give(cloud);
      const config = join(cloud.directory, ".docker/config.json");
      mkdirSync(dirname(config), { recursive: true });
      writeFileSync(config, JSON.stringify({ credHelpers: { [REGISTRY_HOST]: "ocir" } }));
      const env = { ...identity, PATH: `${dirname(BROKER)}:${process.env["PATH"]}` };
      const run = (command: string) => cloud.run(["sh", "-c", command], { env });
      await run(`skopeo copy oci:${image.path}:latest docker://${NAME}:1`);
      for (const command of commands) await run(command);
      expect(await run(`skopeo inspect --format='{{.Digest}}' docker://${NAME}:2`)).toContain("sha256:");
      expect(await cloud.control("GET", "/requests")).toMatchObject({ "auth.x509": 0, "registry.anonymousToken": 0 });
      expect(readdirSync(dirname(config))).toEqual(["config.json"]);
    });
  });
});

/** It starts its own containerd, and creates no networks. */
async function withDocker(cloud: OracleCloud): Promise<string[]> {
  const at = (name: string) => join(cloud.directory, name);
  const socket = `unix://${at("docker.sock")}`;
  await cloud.serve("API listen on", [
    ...["dockerd", `--host=${socket}`, `--data-root=${at("docker-data")}`, `--exec-root=${at("docker-exec")}`],
    ...[`--pidfile=${at("docker.pid")}`, "--bridge=none", "--iptables=false", "--ip6tables=false"],
    "--storage-driver=vfs",
  ]);
  const docker = `docker --host ${socket}`;
  return [`${docker} pull ${NAME}:1`, `${docker} tag ${NAME}:1 ${NAME}:2`, `${docker} push ${NAME}:2`];
}
