import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemRandom } from "@ocir-broker/foundation";
import { describe, expect, test } from "vitest";
import {
  type BrokenNode,
  createBrokenNode,
  foreignRegistry,
  IMAGE,
  VERSION,
  withConfig,
} from "../../test/broken-node.ts";
import { recordTranscript, type Transcript } from "./transcript.ts";
import { compareTranscripts } from "./transcript-comparison.ts";

/** Transcripts sent by owners of tenancies, next to the simulator's. */
const TRANSCRIPTS = join(import.meta.dirname, "../../transcripts");

function record(
  { config, clock }: Pick<BrokenNode, "config" | "clock">,
  image: string | null = IMAGE,
): Promise<Transcript> {
  return recordTranscript({
    config,
    environment: {},
    image: image ?? undefined,
    clock,
    random: systemRandom,
    version: VERSION,
  });
}

describe("recordTranscript", () => {
  test("has no secret, no OCID and no name of the tenancy's in it", async () => {
    await using node = await createBrokenNode();
    const { simulator } = node;
    simulator.iam({ repository: "acme/shop/web", granted: false });
    const text = JSON.stringify(await record(node));
    const pem = await Promise.all(
      ["cert", "key", "intermediate"].map(async (name) => {
        const headers = { authorization: "Bearer Oracle" };
        return (await fetch(`${simulator.metadataUrl}/identity/${name}.pem`, { headers })).text();
      }),
    );
    const secrets = [
      ...pem.flatMap((each) => each.split("\n").filter((line) => line.length >= 40 && !line.startsWith("-"))),
      ...Object.values(simulator.instance).filter((value) => typeof value === "string"),
      "ocid1",
      "acme",
      "shop",
      "eyJ",
      "Signature",
      "ST$",
      "127.0.0.1",
    ];
    expect(secrets.length).toBeGreaterThan(40);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    expect(text).not.toMatch(/[A-Za-z0-9+_=-]{33,}/);
  });

  test("has what the simulator assumes: statuses, headers, fields and claims", async () => {
    await using node = await createBrokenNode();
    const { entries } = await record(node);
    const of = (step: string, request: string) =>
      entries.find((entry) => entry.step === step && entry.request === request);
    expect(of("metadata, without Authorization", "GET /instance/regionInfo")?.status).toBe(401);
    expect(of("session", "POST /v1/x509")?.body).toMatchObject({
      token: { jwt: { header: { alg: "string RS256" }, claims: { jwk: "string" }, lifeSeconds: "number 1200" } },
    });
    expect(of("session", "GET /identity/cert.pem")?.body).toMatchObject({
      pem: ["CERTIFICATE"],
      lifeHours: "number 12",
      subject: expect.arrayContaining(["OU=opc-tenant"]),
    });
    expect(of("registry, unsigned", "GET /v2/")).toMatchObject({
      status: 401,
      headers: { "www-authenticate": { scheme: "Bearer", realm: "/20180419/docker/token", scope: "empty" } },
    });
    expect(of("registry, unsigned token", "GET /20180419/docker/token")?.body).toMatchObject({
      token: { jwt: { claims: { sub: "string anonymous" } } },
      expires_in: "number 3600",
    });
    expect(of("registry, the image", "HEAD /v2/<repository>/manifests/<reference>")?.status).toBe(200);
  });

  test("goes on where a service does not answer, and says so", async () => {
    await using node = await createBrokenNode();
    node.simulator.faults({ endpoint: "auth.x509", reset: "before-headers" });
    const { entries } = await record(node);
    expect(entries.find(({ step }) => step === "auth service, unsigned")?.failure).toBe("connection-broken");
    expect(entries.at(-1)?.step).toBe("registry, token");
  });
});

describe("recordTranscript of an image in somebody else's registry", () => {
  test("asks its host nothing, and says why", async () => {
    await using node = await createBrokenNode();
    const foreign = await foreignRegistry();
    const { entries } = await record(node, `${foreign.host}/library/busybox:1`);
    expect(entries.at(-1)).toEqual({ step: "registry", request: "none", elapsedMs: 0, failure: "image-foreign" });
    expect(foreign.connections()).toBe(0);
  });
});

describe("recordTranscript without an image", () => {
  test("asks the home region's registry, and for no image", async () => {
    await using node = await createBrokenNode();
    const { entries } = await record(node, null);
    expect(entries.map(({ step }) => step)).toContain("registry, with the token");
    expect(entries.map(({ step }) => step)).not.toContain("registry, the image");
  });

  test("asks no registry where the region is not known", async () => {
    await using node = await createBrokenNode();
    const nowhere = withConfig(node, { auth: {}, metadata: { baseUrl: "http://127.0.0.1:1/opc/v2" } });
    const { entries } = await record({ ...node, ...nowhere }, null);
    expect(entries.at(-1)).toMatchObject({ step: "auth service, unsigned", request: "none" });
  });
});

describe("compareTranscripts", () => {
  test("tells what only one of the two was asked", () => {
    const entry = { step: "metadata", request: "GET /", elapsedMs: 1, status: 200 };
    const of = (...entries: object[]) => ({ format: 1, version: "1", entries }) as Transcript;
    expect(compareTranscripts(of(entry, entry), of(entry))).toEqual([
      "metadata: GET / (2): the stand-in was not asked this",
    ]);
    expect(compareTranscripts(of(), of(entry))).toEqual(["metadata: GET /: only the stand-in was asked this"]);
    expect(compareTranscripts(of({ ...entry, status: undefined, failure: "timeout" }), of(entry))).toEqual([
      "metadata: GET /: status: timeout, stand-in 200",
    ]);
  });

  test("finds no difference between two simulators", async () => {
    await using one = await createBrokenNode();
    await using other = await createBrokenNode();
    expect(compareTranscripts(await record(one), await record(other))).toEqual([]);
  });

  test("names what differs", async () => {
    await using node = await createBrokenNode();
    const standIn = await record(node);
    node.simulator.faults({ endpoint: "registry.v2", status: 403 });
    node.simulator.faults({ endpoint: "metadata.region", html: true });
    const differences = compareTranscripts(await record(node), standIn);
    expect(differences.filter((each) => each.startsWith("metadata"))).toEqual([
      "metadata, the region alone: GET /instance/region: header.content-type: text/html; charset=utf-8, stand-in text/plain",
      "metadata, the region alone: GET /instance/region: body: html, stand-in text of text/plain",
    ]);
    expect(differences).toContain("registry, unsigned: GET /v2/: status: 403, stand-in 401");
    expect(differences).toContain(
      "registry, unsigned: GET /v2/: header.www-authenticate.scheme: absent, stand-in Bearer",
    );
    expect(
      differences.filter(
        (each) => !/^(?:metadata, the region alone|registry, (?:unsigned|with the token)): /.test(each),
      ),
    ).toEqual([]);
  });

  /** UPDATE_TRANSCRIPTS=1 records the simulator again, and accepts the differences of the others. */
  test("shows where the simulator differs from what real services answered", async () => {
    await using node = await createBrokenNode();
    const standIn = await record(node);
    const own = join(TRANSCRIPTS, "simulator.json");
    if (process.env["UPDATE_TRANSCRIPTS"]) writeFileSync(own, `${JSON.stringify(standIn, undefined, 1)}\n`);
    for (const name of readdirSync(TRANSCRIPTS).filter((each) => each.endsWith(".json"))) {
      const real = JSON.parse(readFileSync(join(TRANSCRIPTS, name), "utf8")) as Transcript;
      const differences = compareTranscripts(real, standIn);
      const accepted = join(TRANSCRIPTS, name.replace(/json$/, "differences"));
      if (process.env["UPDATE_TRANSCRIPTS"]) writeFileSync(accepted, differences.map((each) => `${each}\n`).join(""));
      expect(differences).toEqual(readFileSync(accepted, "utf8").split("\n").filter(Boolean));
    }
  });
});
