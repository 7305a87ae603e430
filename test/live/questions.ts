/**
 * The questions about Oracle's services that only a tenancy can answer, asked from a node. Each has what is on public record.
 * The run compares the shapes of the answers with those of the simulator.
 */
import type { Config } from "@ocir-broker/config/schema";
import { createNodeCredentials } from "@ocir-broker/credentials/node-credentials";
import { HOME_REGION } from "@ocir-broker/credentials/tokens/registries";
import { SESSION } from "@ocir-broker/credentials/tokens/session-refresh";
import { createUpstreams } from "@ocir-broker/credentials/tokens/upstreams";
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { Expiring } from "@ocir-broker/foundation/expiring";
import { systemRandom } from "@ocir-broker/foundation/random";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import type { SendRequest, UpstreamResponse } from "@ocir-broker/foundation/upstream";
import { urlBelow } from "@ocir-broker/foundation/url-below";
import type { SigningSession } from "@ocir-broker/identity/identity-provider";
import { createIdentityProvider } from "@ocir-broker/identity/identity-providers";
import { authUrlOf, metadataBaseUrlsOf } from "@ocir-broker/identity/instance-principal/endpoints";
import { signWithSession } from "@ocir-broker/identity/oci-sdk/oci-sdk";
import { parseImage, referenceOf } from "@ocir-broker/ocir/image";
import { type Shape, shapeOf } from "./shape.ts";

export type Answers = Readonly<Record<string, Shape>>;

type Question = readonly [
  name: string,
  /** What is on public record. */
  record: string,
  /** A rejection is an answer too. */
  ask: (scene: Scene) => Promise<UpstreamResponse | Shape>,
];

type Scene = Awaited<ReturnType<typeof createScene>>;
type Place = `/${string}` | ((scene: Scene) => URL);

/** Of all questions. */
const LIMIT_MS = 120_000;
const TOKEN_PATH = "/20180419/docker/token";
export const ABSENT_REPOSITORY = "ocir-broker-no-such-repository";
export const ABSENT_NAMESPACE = "ocir-broker-no-such-namespace";
/** Of the documentation's endpoints, and guesses for the global one. */
export const OTHER_NAMES = [
  ...["artifacts.<region>.oci.<domain>", "ocir.us.oci.<domain>", "ocir.global.oci.<domain>"],
  ...["us.ocir.io", "global.ocir.io", "ocir.io"],
];
const BEARER = { authorization: "Bearer Oracle" };
const PUBLISHED = "GetAccessToken of the Container Registry API 20180419 has the statuses 200, 400, 401, 429 and 500";
const METADATA_PAGE = "docs.oracle.com, Getting Instance Metadata";
const UNKNOWN = "nothing";
const MINUTE_MS = 60_000;

export const QUESTIONS: readonly Question[] = [
  metadata("the region's facts", "/instance/regionInfo", BEARER, "four fields, the key in capitals"),
  metadata("the region alone", "/instance/region", BEARER, "the key in iad and phx, elsewhere the id"),
  metadata("a path that does not exist", "/instance/no-such-thing", BEARER, "404"),
  metadata("a request without Authorization", "/instance/regionInfo", {}, METADATA_PAGE),
  metadata("a forwarded request", "/instance/region", { ...BEARER, "x-forwarded-for": "192.0.2.1" }, METADATA_PAGE),
  metadata("version 1", "/../v1/instance/region", BEARER, "404 once it is disabled"),
  metadata(
    "the instance's certificate",
    "/identity/cert.pem",
    BEARER,
    "2 h 01 min, attributes apart or in one, clientAuth",
  ),
  metadata("its issuer", "/identity/intermediate.pem", BEARER, "RSA 4096, a year"),
  ["auth service: an unsigned request", UNKNOWN, ({ sendUnsigned }) => sendUnsigned()],
  [
    "auth service: the session",
    "20 minutes, or 100 to 280 s; opc-tag V1 or V3 lists the dynamic groups",
    ({ sessionResponse }) => sessionResponse(),
  ],
  registry("the challenge of /v2/", "/v2/", "Bearer, the realm on the same host, an empty scope"),
  registry("the challenge of a repository", ({ image }) => image, UNKNOWN),
  registry("a token without a signature", TOKEN_PATH, "200, HS256"),
  ["token endpoint: a signed request", `${PUBLISHED}; an hour`, ({ tokenWith }) => tokenWith("")],
  [
    "token endpoint: a scope of 1025 characters",
    `${PUBLISHED}; 1 to 1024 characters`,
    ({ tokenWith }) => tokenWith(`?scope=${"x".repeat(1_025)}`),
  ],
  [
    "token endpoint: an invalid signature",
    PUBLISHED,
    async ({ get, tokenUrl, sign }) => {
      const { authorization = "", ...headers } = await sign(tokenUrl);
      return get(tokenUrl, { ...headers, authorization: authorization.replace(/signature="[^"]*/, 'signature="AAAA') });
    },
  ],
  [
    "token endpoint: a scope of one repository, with a signature",
    "a published parameter that restricts access; whether a signed request's token is restricted is not recorded",
    async ({ get, tokenWith, bearer, image, absent, repository }) => {
      const scope = `repository:${repository}:pull`;
      const issued = await tokenWith(`?scope=${encodeURIComponent(scope)}`);
      const { token, scope: told } = JSON.parse(issued.body.toString()) as { token: string; scope: string };
      const [there, elsewhere] = [await get(image, bearer(token)), await get(absent, bearer(token))];
      const isTold = told === scope ? "the requested one" : "another";
      return { issued: shapeOf(issued), scope: isTold, there: there.status, elsewhere: elsewhere.status };
    },
  ],
  withToken("/v2/", "/v2/", "200"),
  ["registry: a token that is none", "401", ({ get, image, bearer }) => get(image, bearer("none"))],
  withToken("a repository that does not exist", ({ absent }) => absent, UNKNOWN),
  withToken(
    "a namespace that does not exist",
    ({ at }) => at(`/v2/${ABSENT_NAMESPACE}/web/manifests/1`),
    "Tenant with name … not found",
  ),
  withToken("the image", ({ image }) => image, "200, or 403 with `denied: User UserId(…) not authorized`"),
  [
    "registry: a token of one host at the region's other host",
    UNKNOWN,
    async ({ get, otherHost, token, bearer }) => (await get(otherHost, bearer(await token()))).status,
  ],
  [
    "registry: the challenges of other names",
    "a global endpoint for the US (oci-python-sdk 2.190.0), without its name; artifacts.<region>.oci.<domain>",
    async ({ get, otherNames }) => {
      const challenge = ([form, url]: [string, URL]) =>
        get(url).then(
          (response) => [form, shapeOf(response)],
          () => [form, "no response"],
        );
      return Object.fromEntries(await Promise.all(otherNames.map(challenge)));
    },
  ],
  asJob(
    "the life of a session",
    "what is left of the subject token, at most 60 minutes (Oracle's page), or 60 minutes (Oracle's A-Team)",
    async (_scene, { obtainedAtMs, expiresAtMs }) => ({
      minutes: Math.round((expiresAtMs - obtainedAtMs) / MINUTE_MS),
    }),
  ),
  asJob("a push", "202: production workflows do it, without a published log", async (scene, { value: session }) => {
    const issued = await scene.get(scene.tokenUrl, await scene.sign(scene.tokenUrl, session));
    const { token } = JSON.parse(issued.body.toString()) as { token: string };
    return { issued: shapeOf(issued), uploads: (await scene.startUpload(scene.bearer(token))).status };
  }),
];

/** Asks from this machine, with the identity of the configuration. @param image one that the identity may pull */
export async function askAll({ config, image }: { config: Config; image: string }): Promise<Answers> {
  const scene = await createScene(config, image);
  const answers: Record<string, Shape> = {};
  try {
    for (const [name, , ask] of QUESTIONS) {
      const answer = await ask(scene).catch((error: unknown) => `failed: ${codeOf(error) ?? error}`);
      answers[name] = isResponse(answer) ? shapeOf(answer) : answer;
    }
    return answers;
  } finally {
    await scene.close();
  }
}

/** For each question with differences, a line with what is on record, and an indented one for each difference. */
export function differencesOf(here: Answers, simulator: Answers): string[] {
  return QUESTIONS.flatMap(([name, record]) => {
    const [ours, theirs] = [valuesOf(here[name]), valuesOf(simulator[name])];
    const lines = [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((place) => {
      const [value = "absent", other = "absent"] = [ours.get(place), theirs.get(place)];
      return value === other ? [] : [`  ${place}: here ${value}, simulator ${other}`];
    });
    return lines.length === 0 ? [] : [`${name} (on record: ${record})`, ...lines];
  });
}

/** By place, such as `answer.body.code`. */
function valuesOf(shape: Shape = "absent", place = "answer"): Map<string, string> {
  if (typeof shape !== "object") return new Map([[place, String(shape)]]);
  const inner = Object.entries(shape).map(([name, value]) => valuesOf(value, `${place}.${name}`));
  return new Map(inner.flatMap((values) => [...values]));
}

function isResponse(answer: UpstreamResponse | Shape): answer is UpstreamResponse {
  return typeof answer === "object" && "sentAtMs" in answer;
}

async function createScene(config: Config, imageName: string) {
  const { registryHost, repository } = parseImage(imageName);
  const clock = createSystemClock();
  const signal = AbortSignal.timeout(LIMIT_MS);
  const upstreams = createUpstreams({ config, environment: process.env, clock });
  let authResponse: UpstreamResponse | undefined;
  const sendAuth: SendRequest = async (request) => {
    authResponse = await upstreams.send(request);
    return authResponse;
  };
  const credentials = createNodeCredentials({
    config,
    environment: process.env,
    clock,
    random: systemRandom,
    deadlineMs: LIMIT_MS,
    sendMetadata: upstreams.sendMetadata,
    sendAuth,
    sendTo: () => upstreams.send,
  });
  const { value: region } = await credentials.homeRegion.refresh(HOME_REGION);
  const { id, realmDomain } = region;
  let session: Promise<Expiring<SigningSession>> | undefined;
  // At its first use: before it, a question sends the auth service a request of its own.
  const nodeSession = () => (session ??= credentials.sessions.refresh(SESSION));
  const isShort = registryHost.endsWith(".ocir.io");
  const otherHost = isShort ? `ocir.${id}.oci.${realmDomain}` : `${id}.ocir.io`;
  const at = (path: string, host = registryHost): URL => new URL(path, credentials.registries.endpointOf(host));
  const sender =
    (send: SendRequest) =>
    (url: URL, headers: Record<string, string> = {}) =>
      send({ method: "GET", url, headers, signal });
  const get = sender(upstreams.send);
  const getMetadata = sender(upstreams.sendMetadata);
  const [metadataUrl] = metadataBaseUrlsOf(config) as [URL];
  const authUrl = await authUrlOf(config, async () => region);
  const sign = async (url: URL, asked?: SigningSession) =>
    signWithSession(asked ?? (await nodeSession()).value, { method: "GET", url }, clock.wallMs());
  const job = createIdentityProvider("workload-identity-federation", config, {
    clock,
    environment: process.env,
    random: systemRandom,
    sendAuth: upstreams.send,
    sendMetadata: upstreams.sendMetadata,
  });
  const tokenUrl = at(TOKEN_PATH);
  return {
    at,
    get,
    sign,
    repository,
    tokenUrl,
    jobSession: () => job.session(signal),
    /** The registry ends an upload that nobody continues. */
    startUpload: (headers: Record<string, string>) =>
      upstreams.send({ method: "POST", url: at(`/v2/${repository}/blobs/uploads/`), headers, signal }),
    image: at(`/v2/${repository}/manifests/${referenceOf(imageName)}`),
    /** A repository in the namespace of the image. */
    absent: at(`/v2/${repository.split("/")[0]}/${ABSENT_REPOSITORY}/manifests/1`),
    otherHost: at("/v2/", otherHost),
    otherNames: OTHER_NAMES.map((form): [form: string, url: URL] => [
      form,
      at("/v2/", form.replace("<region>", id).replace("<domain>", realmDomain)),
    ]),
    bearer: (token: string) => ({ authorization: `Bearer ${token}` }),
    getMetadata: (path: `/${string}`, headers: Record<string, string>) =>
      getMetadata(urlBelow(metadataUrl, path), headers),
    sendUnsigned: () =>
      upstreams.send({
        method: "POST",
        url: urlBelow(authUrl, "/v1/x509"),
        body: "{}",
        signal,
        headers: { "content-type": "application/json" },
      }),
    async sessionResponse(): Promise<UpstreamResponse | Shape> {
      await nodeSession();
      return authResponse ?? "no session";
    },
    tokenWith: async (query: string) => get(new URL(query, tokenUrl), await sign(new URL(query, tokenUrl))),
    token: async () => (await credentials.tokens.refresh(registryHost)).value.reveal(),
    async close(): Promise<void> {
      credentials.close();
      await upstreams.close();
    },
  };
}

function metadata(what: string, path: `/${string}`, headers: Record<string, string>, record: string): Question {
  return [`metadata service: ${what}`, record, ({ getMetadata }) => getMetadata(path, headers)];
}

function registry(what: string, place: Place, record: string): Question {
  return [`registry: ${what}`, record, (scene) => scene.get(placeIn(scene, place))];
}

function withToken(what: string, place: Place, record: string): Question {
  const ask = async (scene: Scene) => scene.get(placeIn(scene, place), scene.bearer(await scene.token()));
  return [`registry, with a token: ${what}`, record, ask];
}

/**
 * As a CI job, if its variables are set (docs/keyless-ci.md). Ask twice: the trust's `oauthClients` are mandatory on Oracle's page, and
 * others do without.
 */
function asJob(
  what: string,
  record: string,
  ask: (scene: Scene, session: Expiring<SigningSession>) => Promise<Shape>,
): Question {
  const isJob = process.env["OCI_TOKEN_EXCHANGE_DOMAIN_URL"] !== undefined;
  return [
    `workload identity federation: ${what}`,
    record,
    async (scene) => (isJob ? ask(scene, await scene.jobSession()) : "not asked"),
  ];
}

function placeIn(scene: Scene, place: Place): URL {
  return typeof place === "string" ? scene.at(place) : place(scene);
}
