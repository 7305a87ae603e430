import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { type Alteration, base64Der, createSession, postSigned, sessionKeys } from "../../test/signed-requests.ts";
import type { PropagationTrust } from "../domain/propagation-trusts.ts";
import { sharedSimulator } from "../for-tests.ts";

const simulator = await sharedSimulator();
const session = await createSession(simulator);

const PULLER = { namespace: "shop", serviceAccount: "puller", audience: "oci" };
const TRUST: PropagationTrust = {
  audience: "oci",
  serviceUsers: [{ rule: "sub eq system:serviceaccount:shop:puller", name: "shop-puller", group: "pullers" }],
};
const CLIENTS = { ...TRUST, oauthClients: { app: "s3cret" } };

const basic = (text: string): Alteration => ({
  wire: { headers: { authorization: `Basic ${Buffer.from(text).toString("base64")}` } },
});

const MAIN = "repo:acme/shop:ref:refs/heads/main";
const FOR_JOBS: PropagationTrust = {
  issuer: "https://token.actions.githubusercontent.com",
  oauthClients: { app: "s3cret" },
  serviceUsers: [
    { rule: `sub eq ${MAIN}`, name: "main", group: "pushers" },
    { rule: "aud eq https://github.com/acme", name: "chosen-by-the-job", group: "pullers" },
  ],
};

type Asked = Parameters<typeof ask>[0];

async function ask({ trust = TRUST, wanted = {}, form = {}, alteration = {} as Alteration }) {
  simulator.addTrust(trust);
  const fields = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    requested_token_type: "urn:oci:token-type:oci-upst",
    subject_token: await simulator.serviceAccountToken({ ...PULLER, ...wanted }),
    subject_token_type: "jwt",
    public_key: base64Der(sessionKeys.publicKey),
  };
  const url = new URL("/oauth2/v1/token", simulator.domainUrl);
  return postSigned(url, session, new URLSearchParams({ ...fields, ...form }), alteration);
}

test.each<[string, Asked]>([
  ["an instance principal's signature", {}],
  ["a confidential client", { trust: CLIENTS, alteration: basic("app:s3cret") }],
])("the identity domain issues for %s a session that ends no later than the exchanged token", async (_name, asked) => {
  const { json } = await ask({ ...asked, wanted: { lifeMs: 600_000 } });
  const { iat, exp } = JSON.parse(Buffer.from(json.token.split(".")[1], "base64url").toString());
  expect(exp - iat).toBeLessThanOrEqual(600);
});

const userOf = (json: { token: string }) =>
  JSON.parse(Buffer.from(String(json.token.split(".")[1]), "base64url").toString()).sub.replace(/.*\./, "");

test.each<[string, string]>([
  [MAIN, "main"],
  ["repo:else/shop:ref:refs/heads/main", "chosen-by-the-job"],
])(
  "the identity domain exchanges the token of the job %s for a session of %s, by the first rule",
  async (subject, user) => {
    simulator.addTrust(TRUST);
    const token = simulator.jobToken({ subject });
    const { json } = await ask({ trust: FOR_JOBS, form: { subject_token: token }, alteration: basic("app:s3cret") });
    expect(userOf(json)).toBe(user);
  },
);

test("GitHub's endpoint gives a job's own token for the audience that the job asks for, and nothing to others", async () => {
  const audience = "https://cloud.oracle.com";
  const url = new URL(`${simulator.githubUrl}&audience=${encodeURIComponent(audience)}`);
  const get = (bearer: string) => fetch(url, { headers: { authorization: `Bearer ${bearer}` } });
  const { value } = (await (await get(simulator.startJob(MAIN))).json()) as { value: string };
  const claims = JSON.parse(Buffer.from(String(value.split(".")[1]), "base64url").toString());
  expect(claims).toMatchObject({ sub: MAIN, aud: audience, exp: claims.iat + 300 });
  expect((await get(value)).status).toBe(401);
});

test.each(["sub is x", "sub eq a*"])("the identity domain refuses a trust with the rule %j", (rule) => {
  expect(() => simulator.addTrust({ serviceUsers: [{ rule, name: "a", group: "b" }] })).toThrow("rule");
});

const short = generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey;
const tampered: Alteration = { wire: ({ body }) => ({ body: body?.replace("type=jwt", "type=jwx") }) };
const withoutHost: Alteration = { draft: ({ covered }) => ({ covered: covered.filter((each) => each !== "host") }) };

test.each<[string, number, string, Asked]>([
  ["no authorization", 401, "no Signature", { alteration: { wire: { headers: { authorization: undefined } } } }],
  ["a client with another secret", 401, "another secret", { trust: CLIENTS, alteration: basic("app:other") }],
  ["an unknown client", 401, "no such client", { trust: CLIENTS, alteration: basic("toString:s3cret") }],
  ["a signature without host", 401, "host is not covered", { alteration: withoutHost }],
  ["another body than the signed one", 401, "is not the body's", { alteration: tampered }],
  ["the instance, if the trust names clients", 400, "not for an instance", { trust: CLIENTS }],
  ["a token of another audience", 400, "another audience", { wanted: { audience: "vault" } }],
  ["a token that has ended", 400, "has ended", { wanted: { lifeMs: -1_000 } }],
  [
    "a token of an issuer without a trust",
    400,
    "no trust",
    { form: { subject_token: simulator.jobToken({ subject: MAIN }) } },
  ],
  ["a subject without a service user", 400, "no service user", { wanted: { serviceAccount: "other" } }],
  ["a token that is not a JWT", 400, "no trust", { form: { subject_token: "a.b.c" } }],
  ["a short key", 400, "2048 bits", { form: { public_key: base64Der(short) } }],
  ["a key in PEM", 400, "public_key", { form: { public_key: "-----BEGIN PUBLIC KEY-----" } }],
  ["another kind of session", 400, "oci-upst", { form: { requested_token_type: "urn:oci:token-type:oci-rpst" } }],
  ["an unknown field", 400, 'Unrecognized key: "scope"', { form: { scope: "all" } }],
])("the identity domain refuses %s with %i", async (_name, status, reason, asked) => {
  const response = await ask(asked);
  expect([response.status, Object.keys(response.json)]).toEqual([status, ["error", "error_description"]]);
  expect(simulator.refusals().at(-1)?.reason).toContain(reason);
});

test("the identity domain refuses an instance outside the dynamic group", async () => {
  simulator.iam({ dynamicGroup: false });
  expect((await ask({})).status).toBe(401);
});
