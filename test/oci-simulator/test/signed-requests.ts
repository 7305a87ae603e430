/**
 * For tests: signs requests as Oracle's SDK for TypeScript does, and can alter one thing before and one after the signature. Shares
 * no code with the verifying side. The SDKs themselves: test/system/oracle-clients.test.ts.
 */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import type { Simulator } from "../src/simulator.ts";
import { type RawResponse, send } from "./raw-client.ts";

interface Wire {
  readonly method: string;
  readonly target: string;
  /** Sent in addition to the computed ones; an undefined one is omitted. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string | undefined;
}

interface Draft extends Wire {
  readonly covered: readonly string[];
  readonly keyId: string;
  readonly key: KeyObject;
  /** Parameters of Authorization that replace the computed ones; an undefined one is omitted. */
  readonly parameters: Readonly<Record<string, string | undefined>>;
}

/** Replaces fields of a request; headers and parameters are replaced one by one. */
type Change<T> = Partial<T> | ((request: T) => Partial<T>);

export interface Alteration {
  readonly draft?: Change<Draft>;
  readonly wire?: Change<Wire>;
}

export type Identity = Awaited<ReturnType<typeof readIdentity>>;

/** Shared by all tests, because creating one takes 100 ms. */
export const sessionKeys = generateKeyPairSync("rsa", { modulusLength: 2_048 });

export async function readIdentity(simulator: Simulator) {
  const read = async (name: string) => {
    const headers = { authorization: "Bearer Oracle" };
    return (await send(simulator.metadataUrl, { target: `/opc/v2/identity/${name}`, headers })).text;
  };
  return {
    leaf: new X509Certificate(await read("cert.pem")),
    leafKey: createPrivateKey(await read("key.pem")),
    intermediate: new X509Certificate(await read("intermediate.pem")),
    tenancyId: simulator.instance.tenancyId,
  };
}

export function base64Der(value: X509Certificate | KeyObject): string {
  const der = value instanceof X509Certificate ? value.raw : value.export({ type: "spki", format: "der" });
  return der.toString("base64");
}

export function pemOf(publicKey: KeyObject): string {
  return String(publicKey.export({ type: "spki", format: "pem" }));
}

const COVERED = "date (request-target) host content-type content-length x-content-sha256".split(" ");

export async function federate(
  simulator: Simulator,
  identity: Identity,
  { fields = {}, ...alteration }: { fields?: object } & Alteration = {},
): Promise<RawResponse> {
  const { leaf, intermediate, leafKey, tenancyId } = identity;
  const body = {
    certificate: base64Der(leaf),
    publicKey: base64Der(sessionKeys.publicKey),
    intermediateCertificates: [base64Der(intermediate)],
    purpose: "DEFAULT",
    ...fields,
  };
  return sendSigned(simulator.authUrl, alteration, {
    method: "POST",
    target: "/v1/x509",
    headers: { date: new Date().toUTCString(), "content-type": "application/json" },
    body: JSON.stringify(body),
    covered: COVERED,
    keyId: `${tenancyId}/fed-x509/${leaf.fingerprint.toLowerCase()}`,
    key: leafKey,
  });
}

export async function createSession(simulator: Simulator): Promise<string> {
  const response = await federate(simulator, await readIdentity(simulator));
  return response.json.token as string;
}

/** @param content as an object for JSON, or as the parameters of a form */
export function postSigned(
  url: URL,
  session: string,
  content: object,
  alteration: Alteration = {},
): Promise<RawResponse> {
  const isForm = content instanceof URLSearchParams;
  const contentType = `application/${isForm ? "x-www-form-urlencoded" : "json"}`;
  return sendSigned(url, alteration, {
    method: "POST",
    target: url.pathname,
    headers: { date: new Date().toUTCString(), "content-type": contentType },
    body: isForm ? content.toString() : JSON.stringify(content),
    covered: COVERED,
    keyId: `ST$${session}`,
    key: sessionKeys.privateKey,
  });
}

export function fetchToken(simulator: Simulator, session: string, alteration: Alteration = {}): Promise<RawResponse> {
  return sendSigned(simulator.registryUrl, alteration, {
    method: "GET",
    target: "/20180419/docker/token",
    headers: { date: new Date().toUTCString() },
    body: undefined,
    covered: ["date", "(request-target)", "host"],
    keyId: `ST$${session}`,
    key: sessionKeys.privateKey,
  });
}

function changed<T extends Wire>(request: T, change: Change<T> = {}): T {
  const changes = typeof change === "function" ? change(request) : change;
  return { ...request, ...changes, headers: { ...request.headers, ...changes.headers } };
}

function sendSigned(origin: URL, alteration: Alteration, drafted: Omit<Draft, "parameters">) {
  const draft = changed<Draft>({ ...drafted, parameters: {} }, alteration.draft);
  const { method, target, body, covered, keyId } = draft;
  const computed =
    body === undefined
      ? {}
      : {
          "content-length": String(Buffer.byteLength(body)),
          "x-content-sha256": createHash("sha256").update(body).digest("base64"),
        };
  const headers: Record<string, string | undefined> = { host: origin.host, ...computed, ...draft.headers };
  const line = (name: string) =>
    name === "(request-target)" ? `${name}: ${method.toLowerCase()} ${target}` : `${name}: ${headers[name]}`;
  const signature = sign("sha256", Buffer.from(covered.map(line).join("\n")), draft.key).toString("base64");
  const parameters = {
    ...{ version: "1", algorithm: "rsa-sha256", keyId, headers: covered.join(" "), signature },
    ...draft.parameters,
  };
  headers["authorization"] = `Signature ${Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",")}`;
  return send(origin, changed({ method, target, headers, body }, alteration.wire));
}
