/**
 * The token that a CI system or another issuer gives to a workload, from one of three places:
 *
 * - the file that OCI_WORKLOAD_IDENTITY_TOKEN_PATH names, read again each time (Terraform's provider for OCI, 8.22.0,
 *   internal/provider/workload_identity_federation.go)
 * - the variable OCI_WORKLOAD_IDENTITY_TOKEN, for GitLab's `id_tokens`: it never changes
 * - GitHub's token endpoint, asked again each time, because its tokens live five minutes ("OpenID Connect reference" on docs.github.com)
 */
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { parseJwt } from "@ocir-broker/foundation/parse-jwt";
import { printable } from "@ocir-broker/foundation/printable";
import { Secret } from "@ocir-broker/foundation/secret";
import { type SendRequest, UpstreamError } from "@ocir-broker/foundation/upstream";
import * as z from "zod";
import { IdentityError } from "../identity-error.ts";
import type { IdentityProviderContext } from "../identity-provider.ts";
import { readMountedFile } from "../oci-profile/private-file.ts";
import { variableIn } from "./variable.ts";

const PATH = "OCI_WORKLOAD_IDENTITY_TOKEN_PATH";
const TOKEN = "OCI_WORKLOAD_IDENTITY_TOKEN";
const AUDIENCE = "OCI_WORKLOAD_IDENTITY_AUDIENCE";
const GITHUB_URL = "ACTIONS_ID_TOKEN_REQUEST_URL";
const GITHUB_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

const claims = z.object({
  iss: z.string().optional(),
  exp: z.number().optional(),
  sub: z.string().optional(),
  aud: z.union([z.string(), z.array(z.string())]).optional(),
});

/** Of a claim in a message. */
const MAX_CHARACTERS = 200;
const githubResponse = z.object({ value: z.string() });

/** @throws {IdentityError} `subject-token-…`, `identity-file-unreadable`, `github-…` */
export async function readSubjectToken(
  { clock, environment, sendAuth }: IdentityProviderContext,
  signal: AbortSignal,
): Promise<Secret> {
  const { place, text } = await find(environment, sendAuth, signal);
  const token = text.trim();
  const { data } = claims.safeParse(parseJwt(token).claims);
  if (!JWT.test(token) || data === undefined) throw new IdentityError("subject-token-invalid", place);
  const { exp = Infinity } = data;
  if (exp * 1_000 <= clock.wallMs())
    throw new IdentityError(place === TOKEN ? "subject-token-variable-expired" : "subject-token-expired", place);
  return new Secret(token);
}

/** What a trust's rule matches, for a person who compares the two. No part of it is secret. */
export function describeSubject(token: Secret): string {
  const { iss = "none", sub = "none", aud = "none" } = claims.parse(parseJwt(token.reveal()).claims);
  const shown = (text: string) => printable(text).slice(0, MAX_CHARACTERS);
  return `issuer ${shown(iss)}, subject ${shown(sub)}, audience ${shown([aud].flat().join(", "))}`;
}

async function find(environment: NodeJS.ProcessEnv, send: SendRequest, signal: AbortSignal) {
  const { [PATH]: path, [TOKEN]: token, [GITHUB_URL]: url } = environment;
  if (path) return { place: PATH, text: readMountedFile(path, PATH) };
  if (token) return { place: TOKEN, text: token };
  if (url) return { place: GITHUB_URL, text: await requestFromGitHub(url, environment, send, signal) };
  // A job on GitHub without the permission `id-token: write` does not have the two variables.
  if (environment["GITHUB_ACTIONS"] === "true") throw new IdentityError("github-permission-missing", GITHUB_URL);
  throw new IdentityError("subject-token-missing", PATH);
}

/** The runner's own network: its URL is https and has a query already. */
async function requestFromGitHub(
  endpoint: string,
  environment: NodeJS.ProcessEnv,
  send: SendRequest,
  signal: AbortSignal,
): Promise<string> {
  const url = URL.parse(endpoint);
  if (url?.protocol !== "https:") throw new IdentityError("github-refused", GITHUB_URL);
  const { [AUDIENCE]: audience } = environment;
  if (audience) url.searchParams.set("audience", audience);
  const authorization = `Bearer ${variableIn(environment, GITHUB_TOKEN, "github-permission-missing")}`;
  const response = await send({
    method: "GET",
    url,
    headers: { authorization, accept: "application/json" },
    signal,
  }).catch((error: unknown) => {
    if (!(error instanceof UpstreamError)) throw error;
    throw new IdentityError("github-unreachable", url.host, { cause: error });
  });
  if (response.status === 429 || response.status >= 500)
    throw new IdentityError("github-unreachable", url.host, { response });
  if (response.status !== 200) throw new IdentityError("github-refused", url.host, { response });
  const { data } = githubResponse.safeParse(parseJson(response.body));
  if (data === undefined) throw new IdentityError("github-refused", url.host, { response });
  return data.value;
}
