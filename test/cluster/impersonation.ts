/** Requests to the API server as another user, whom the administrator impersonates. */
import type { SystemdRoot } from "../system/systemd-root/index.ts";
import { API_SERVER } from "./kubernetes-api.ts";
import { BEARER } from "./services.ts";

export interface Response {
  readonly status: number;
  /** The object, or the Status with the reason. A path that is not served yet has a line of text instead. */
  readonly body: { readonly message?: string; readonly [field: string]: unknown };
}

export type RequestAs = (method: string, path: string, body?: object) => Promise<Response>;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  PATCH: "application/merge-patch+json",
  APPLY: "application/apply-patch+yaml",
};

/**
 * The method `APPLY` is a server-side apply.
 * @param user default: the administrator
 */
export function requestAs(root: SystemdRoot, user?: string): RequestAs {
  return async (method, path, body) => {
    const headers = [`Content-Type: ${CONTENT_TYPES[method] ?? "application/json"}`];
    if (user !== undefined) headers.push(`Impersonate-User: ${user}`);
    const verb = method === "APPLY" ? "PATCH" : method;
    const data = body === undefined ? [] : ["--data-binary", "@-"];
    const args = ["-sS", ...BEARER, ...headers.flatMap((line) => ["-H", line]), "-X", verb, ...data];
    const input = body === undefined ? "" : JSON.stringify(body);
    const stdout = await root.run("curl", [...args, "-w", "\n%{http_code}", `${API_SERVER}${path}`], { input });
    const end = stdout.trimEnd().lastIndexOf("\n");
    const text = stdout.slice(0, end);
    return { status: Number(stdout.slice(end)), body: text.startsWith("{") ? JSON.parse(text) : { message: text } };
  };
}
