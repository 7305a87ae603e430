/** A rehearsal: the questions to a simulator that differs from the usual one, as a tenancy may. */
import { identityLines } from "@ocir-broker/oci-simulator/for-tests";
import { expect, it } from "vitest";
import { differencesOf } from "./questions.ts";
import { OTHER_HOST, simulatorAnswers } from "./simulator-answers.ts";

const MINUTE_MS = 60_000;

it("differencesOf finds none between two simulators, and all of one that differs in ten ways", {
  timeout: 60_000,
}, async () => {
  const usual = await simulatorAnswers();
  expect(differencesOf(await simulatorAnswers(), usual)).toEqual([]);
  expect(usual["metadata service: the instance's certificate"]).toMatchObject({
    body: { lifeMinutes: 121, isForClients: true },
  });
  const different = await simulatorAnswers({
    options: { multiValuedSubject: true, sessionLifeMs: 10 * MINUTE_MS, tokenLifeMs: 30 * MINUTE_MS },
    prepare({ faults, iam }) {
      faults(
        { endpoint: "metadata.other", status: 403 },
        // The unsigned request is the first.
        { endpoint: "auth.x509", times: 1, html: true },
        { endpoint: "registry.anonymousToken", status: 401 },
        { endpoint: "registry.v2", times: 1, status: 404 },
      );
      iam({ repository: "acme/live", granted: false });
    },
    endpoints: ({ registryUrl }) => ({ [OTHER_HOST]: registryUrl.origin, "us.ocir.io": registryUrl.origin }),
  });
  const found = differencesOf(different, usual).join("\n");
  for (const [question, difference] of [
    ["metadata service: the instance's certificate", /body\.subject\.0: here OU=opc-certtype \+ .*, simulator CN/],
    ["auth service: the session", /body\.token\.lifeSeconds: here 600, simulator 1200/],
    ["token endpoint: a signed request", /body\.expires_in: here 1800, simulator 3600/],
    ["metadata service: a path that does not exist", /status: here 403, simulator 404/],
    ["auth service: an unsigned request", /body: here HTML, /],
    ["registry: a token without a signature", /status: here 401, simulator 200/],
    ["registry: the challenge of /v2/", /status: here 404, simulator 401/],
    ["registry, with a token: the image", /body\.errors\.0\.message: here User UserId\(OCID\) not authorized, /],
    ["registry: the challenges of other names", /us\.ocir\.io\.headers\.www-authenticate\.scheme: here Bearer, /],
    ["registry: a token of one host at the region's other host", /answer: here 200, simulator 401/],
  ] as const) {
    const [, lines] = found.split(`${question} (on record: `);
    expect(lines?.split(/\n(?! )/)[0], question).toMatch(difference);
  }
});

it("askAll answers without secrets, OCIDs and names", async () => {
  let lines: Promise<string[]> | undefined;
  const answers = await simulatorAnswers({
    prepare: (simulator) => {
      simulator.iam({ repository: "acme/live", granted: false });
      lines = identityLines(simulator);
    },
  });
  const text = JSON.stringify(answers);
  const secrets = [...((await lines) ?? []), "ocid1", "acme", "eyJ", "keyId", "ST$", "127.0.0.1"];
  expect(secrets.length).toBeGreaterThan(40);
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  expect(text).not.toMatch(/[A-Za-z0-9+_=-]{33,}/);
  expect(text).not.toContain("failed: ");
});
