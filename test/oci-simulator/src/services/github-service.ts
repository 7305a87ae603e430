/** The endpoint at which a job of GitHub Actions asks for its token ("OpenID Connect reference" on docs.github.com). */
import type { Cloud } from "../cloud.ts";
import type { EndpointName } from "../endpoints.ts";
import type { ReceivedRequest } from "../http/received-request.ts";
import { notAuthenticated, Refusal } from "../http/refusal.ts";
import { type HttpResponse, jsonResponse } from "../http/response.ts";

export const JOB_TOKEN_PATH = "/token";

export function githubEndpoint(request: ReceivedRequest): EndpointName {
  return request.path === JOB_TOKEN_PATH ? "github.token" : "github.other";
}

export function failGithub(status: number): HttpResponse {
  return jsonResponse(status, { message: "error" });
}

export function answerGithub(request: ReceivedRequest, { jobs }: Cloud): HttpResponse {
  try {
    const { method, path, query, headers } = request;
    if (method !== "GET" || path !== JOB_TOKEN_PATH || !query.has("api-version"))
      throw new Refusal("NotAuthorizedOrNotFound", `no ${method} ${request.target}`);
    const [, bearer] = /^Bearer (\S+)$/.exec(headers["authorization"] ?? "") ?? [];
    if (bearer === undefined) throw notAuthenticated("no Bearer token");
    const audience = query.get("audience") ?? undefined;
    return jsonResponse(200, { value: jobs.issue({ subject: jobs.subjectOf(bearer), audience }) });
  } catch (error) {
    if (error instanceof Refusal) return { ...failGithub(error.status), reason: error.message };
    throw error;
  }
}
