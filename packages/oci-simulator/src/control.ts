/** The control API for tests and people, on its own listener, without faults and authentication. */
import type { ApiKeySettings } from "./auth/api-keys.ts";
import type { PropagationTrust } from "./domain/propagation-trusts.ts";
import type { RequestCounts } from "./endpoints.ts";
import type { Fault } from "./http/faults.ts";
import { parseJson, type ReceivedRequest } from "./http/received-request.ts";
import { Refusal, type RefusalRecord } from "./http/refusal.ts";
import { type HttpResponse, jsonResponse } from "./http/response.ts";
import type { IamChange } from "./iam.ts";
import type { WantedServiceAccountToken } from "./service-accounts.ts";

/** The content of a profile that the command line writes; only its two file names are missing. */
interface CliSession extends ApiKeySettings {
  readonly token: string;
}

/** The controls as methods, which `startSimulator` returns too. */
export interface Controls {
  /** Requests since the start or the last reset, by endpoint. */
  requests(): RequestCounts;
  /** The last refusals, oldest first, with their true reasons. */
  refusals(): readonly RefusalRecord[];
  /** Resets counts, refusals, faults and IAM to the start. Tokens, certificates and API keys stay valid. */
  reset(): void;
  /** @throws {Refusal} for an empty or malformed change. */
  iam(change: IamChange): void;
  /** Queues faults. @throws {Refusal} if one is malformed, and then queues none. */
  faults(...faults: readonly Fault[]): void;
  clearFaults(): void;
  /** Gives the user an API key. @throws {Refusal} for anything but a public RSA key in PEM. */
  addApiKey(publicKeyPem: string): ApiKeySettings;
  /** The session that `oci session authenticate` gets after a login in the browser, for this key. @throws {Refusal} */
  cliSession(publicKeyPem: string): Promise<CliSession>;
  /** The RPST of a container instance, for this key. @throws {Refusal} */
  resourceToken(publicKeyPem: string): Promise<string>;
  /** A token as the kubelet gets it from the API server. */
  serviceAccountToken(wanted: WantedServiceAccountToken): Promise<string>;
  /** Deletes a pod: its service-account tokens end. */
  deletePod(pod: string): void;
  /** A trust of the identity domain, which has none at the start. */
  addTrust(trust: PropagationTrust): void;
  /** A basic cluster exchanges no service-account tokens. Enhanced at the start. */
  clusterType(type: "basic" | "enhanced"): void;
}

type Action = (controls: Controls, body: unknown) => unknown;

const ACTIONS: Readonly<Record<string, Action>> = {
  "GET /requests": (controls) => controls.requests(),
  "GET /refusals": (controls) => controls.refusals(),
  "POST /reset": (controls) => controls.reset(),
  "POST /iam": (controls, body) => controls.iam(body as IamChange),
  "POST /faults": (controls, body) => controls.faults(...([body].flat() as Fault[])),
  "DELETE /faults": (controls) => controls.clearFaults(),
  "POST /service-account-tokens": async (controls, body) => ({
    token: await controls.serviceAccountToken(body as WantedServiceAccountToken),
  }),
  "POST /trusts": (controls, body) => controls.addTrust(body as PropagationTrust),
  "POST /api-keys": (controls, body) => controls.addApiKey(publicKeyIn(body)),
  "POST /cli-sessions": (controls, body) => controls.cliSession(publicKeyIn(body)),
  "POST /resource-tokens": async (controls, body) => ({ token: await controls.resourceToken(publicKeyIn(body)) }),
};

function publicKeyIn(body: unknown): string {
  return String((body as { publicKey?: unknown } | null)?.publicKey);
}

export async function answerControl(request: ReceivedRequest, controls: Controls): Promise<HttpResponse> {
  const asked = `${request.method} ${request.path}`;
  const action = Object.hasOwn(ACTIONS, asked) ? ACTIONS[asked] : undefined;
  if (action === undefined)
    return jsonResponse(404, { message: `no ${asked}; there are ${Object.keys(ACTIONS).join(", ")}` });
  try {
    const result = await action(controls, request.body.length > 0 ? parseJson(request.body) : undefined);
    return jsonResponse(200, result ?? { status: "done" });
  } catch (error) {
    if (error instanceof Refusal) return jsonResponse(400, { message: error.message });
    throw error;
  }
}
