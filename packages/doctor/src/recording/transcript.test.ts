import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemRandom } from "@ocir-broker/foundation/random";
import { identityLines } from "@ocir-broker/oci-simulator/for-tests";
import { describe, expect, test } from "vitest";
import {
  type BrokenNode,
  createBrokenNode,
  foreignRegistry,
  IMAGE,
  simulateCloud,
  VERSION,
  withConfig,
} from "../../test/broken-node.ts";
import { compareTranscripts } from "../../test/transcript-comparison.ts";
import { recordTranscript, type Transcript } from "./transcript.ts";

/** Transcripts sent by owners of tenancies, next to the simulator's. */
const TRANSCRIPTS = join(import.meta.dirname, "../../transcripts");

const cloud = await simulateCloud();

function record({ config, clock }: BrokenNode, image: string | null = IMAGE): Promise<Transcript> {
  const common = { environment: {}, clock, random: systemRandom, version: VERSION };
  return recordTranscript({ ...common, config, image: image ?? undefined });
}

describe("recordTranscript", () => {
  test("contains no secret, no OCID and no name from the tenancy", async () => {
    const node = await createBrokenNode(cloud);
    const { simulator } = node;
    simulator.iam({ repository: "acme/shop/web", granted: false });
    const text = JSON.stringify(await record(node));
    const secrets = [
      ...(await identityLines(simulator)),
      ...Object.values(simulator.instance).filter((value) => typeof value === "string"),
      ...["ocid1", "acme", "shop", "eyJ", "Signature", "ST$", "127.0.0.1"],
    ];
    expect(secrets.length).toBeGreaterThan(40);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    expect(text).not.toMatch(/[A-Za-z0-9+_=-]{33,}/);
  });

  test("continues when a service does not respond, and records the failure", async () => {
    const node = await createBrokenNode(cloud);
    node.simulator.faults({ endpoint: "auth.x509", reset: "before-headers" });
    const { entries } = await record(node);
    expect(entries.find(({ step }) => step === "auth service, unsigned")?.failure).toBe("connection-broken");
    expect(entries.at(-1)?.step).toBe("registry, token");
  });

  test("sends a foreign registry nothing, and records the reason", async () => {
    const node = await createBrokenNode(cloud);
    const foreign = await foreignRegistry();
    const { entries } = await record(node, `${foreign.host}/library/busybox:1`);
    expect(entries.at(-1)).toEqual({ step: "registry", request: "none", elapsedMs: 0, failure: "image-foreign" });
    expect(foreign.connections()).toBe(0);
  });

  test("requests a token from the home region's registry, and no manifest, when no image is given", async () => {
    const node = await createBrokenNode(cloud);
    const { entries } = await record(node, null);
    const steps = entries.map(({ step }) => step);
    expect(steps).toContain("registry, with the token");
    expect(steps).not.toContain("registry, the image");
  });

  test("contacts no registry when the region is unknown", async () => {
    const node = await createBrokenNode(cloud);
    const nowhere = withConfig(node, { auth: {}, metadata: { baseUrl: "http://127.0.0.1:1/opc/v2" } });
    const { entries } = await record({ ...node, ...nowhere }, null);
    expect(entries.at(-1)).toMatchObject({ step: "auth service, unsigned", request: "none" });
  });
});

describe("compareTranscripts", () => {
  test("lists each value that differs, and requests that only one side has", () => {
    const entry = { step: "metadata", request: "GET /", elapsedMs: 1, status: 200 };
    const of = (...entries: object[]) => ({ format: 1, version: "1", entries }) as Transcript;
    expect(compareTranscripts(of(entry, entry), of(entry))).toEqual([
      "metadata: GET / (2): status: 200, stand-in absent",
      "metadata: GET / (2): body: none, stand-in absent",
    ]);
    expect(compareTranscripts(of({ ...entry, status: undefined, failure: "timeout" }), of(entry))).toEqual([
      "metadata: GET /: status: timeout, stand-in 200",
    ]);
    const [page, challenge] = [
      { ...entry, body: "html" },
      { ...entry, headers: { a: { scheme: "Bearer" } } },
    ];
    expect(compareTranscripts(of(page), of(challenge))).toEqual([
      "metadata: GET /: body: html, stand-in none",
      "metadata: GET /: header.a.scheme: absent, stand-in Bearer",
    ]);
  });

  /** UPDATE_TRANSCRIPTS=1 records the simulator again, and accepts the differences of the others. */
  test("lists where the simulator differs from recorded real services", async () => {
    const node = await createBrokenNode(cloud);
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
