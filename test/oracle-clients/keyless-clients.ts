/**
 * Clients that push and pull as a CI job and as a pod, unmodified and at Oracle's addresses: docker-credential-ocir gets each token with
 * the identity of its caller, and nothing is stored.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BROKER } from "../daemon.ts";
import { writeImageLayout } from "../image-layout.ts";
import { lackOf } from "../real-registry.ts";
import { given } from "../system/given.ts";
import { lackOfNamespaces, type OracleCloud, REGISTRY_HOST, startOracleCloud } from "./cloud.ts";
import { giveJob, giveServiceAccount, SERVICE_ACCOUNT } from "./identities.ts";

const REPOSITORY = "acme/shop/web";
/** Of the image that the clients pull, with the tag 1. */
export const NAME = `${REGISTRY_HOST}/${REPOSITORY}`;
const GROUP = "pushers";

type Environment = Readonly<Record<string, string>>;

export interface Client {
  readonly name: string;
  /** Why it cannot run here; empty if it can. */
  readonly lack: string;
  /** Shell commands that push `${NAME}:1`, which is there, as `${NAME}:2`. */
  readonly commands: (cloud: OracleCloud) => Promise<string[]> | string[];
}

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

const lack = lackOfNamespaces() || lackOf("nsenter", "ip", "curl", "docker-registry", "skopeo");

export function describeKeylessClients(clients: readonly Client[]): void {
  describe.skipIf(lack !== "")(`without a stored key${lack}`, () => {
    const cloud = given(startOracleCloud, ({ close }) => close());

    beforeEach(() => cloud.reset());

    describe.each(clients)("$name", ({ lack, commands }) => {
      let prepared: readonly string[];
      beforeAll(async () => {
        if (lack === "") prepared = await commands(cloud);
      });

      it.skipIf(lack !== "").each(IDENTITIES)(`pushes and pulls as %s${lack}`, async (_name, give) => {
        const image = writeImageLayout(join(cloud.directory, "image"), `From ${cloud.directory}\n`);
        await cloud.iam({ repository: REPOSITORY, writable: true });
        const identity = await give(cloud);
        const config = join(cloud.directory, ".docker/config.json");
        // With its random number, BuildKit's daemon would know the client before, and use its token.
        rmSync(dirname(config), { recursive: true, force: true });
        mkdirSync(dirname(config), { recursive: true });
        const text = JSON.stringify({ credHelpers: { [REGISTRY_HOST]: "ocir" } });
        writeFileSync(config, text);
        const env = { ...identity, PATH: `${dirname(BROKER)}:${process.env["PATH"]}` };
        const run = (command: string) => cloud.run(["sh", "-c", command], { env });
        await run(`skopeo copy oci:${image.path}:latest docker://${NAME}:1`);
        for (const command of prepared) await run(command);
        expect(await run(`skopeo inspect --format='{{.Digest}}' docker://${NAME}:2`)).toContain("sha256:");
        expect(await cloud.control("GET", "/requests")).toMatchObject({ "auth.x509": 0 });
        expect(readFileSync(config, "utf8")).toBe(text);
        const files = readdirSync(dirname(config)).filter((name) => !name.startsWith(".token_seed"));
        expect(files).toEqual(["config.json"]);
      });
    });
  });
}
