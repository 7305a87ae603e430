/** The control API for tests and people, on its own listener, without faults and authentication. */
import type { Cloud } from "./cloud.ts";
import type { PropagationTrust } from "./domain/propagation-trusts.ts";
import { zeroCounts } from "./endpoints.ts";
import { type Fault, type FaultQueue, faultSchema } from "./http/faults.ts";
import { parseAs, parseJson, type ReceivedRequest } from "./http/received-request.ts";
import { Refusal, type RefusalRecord } from "./http/refusal.ts";
import { type HttpResponse, jsonResponse } from "./http/response.ts";
import { type IamChange, iamChangeSchema } from "./iam.ts";
import type { JobToken } from "./jobs.ts";
import type { WantedServiceAccountToken } from "./service-accounts.ts";

/** Requests and refusals since the start or the last reset. */
export const nothingReceived = () => ({ counts: zeroCounts(), refusals: [] as readonly RefusalRecord[] });

type Controls = ReturnType<typeof createControls>;

/** The controls as methods, which `startSimulator` returns too. */
export function createControls(cloud: Cloud, faults: FaultQueue, received: ReturnType<typeof nothingReceived>) {
  const { iam, trusts, apiKeys, sessions } = cloud;
  return {
    /** Requests since the start or the last reset, by endpoint. */
    requests: () => ({ ...received.counts }),
    /** The last refusals, oldest first, with their true reasons. */
    refusals: () => received.refusals,
    /** Resets counts, refusals, faults and IAM to the start. Tokens, certificates and API keys stay valid. */
    reset(): void {
      Object.assign(received, nothingReceived());
      faults.clear();
      iam.reset();
      trusts.clear();
      cloud.isEnhanced = true;
    },
    /** @throws {Refusal} for a malformed change. */
    iam: (change: IamChange): void => iam.change(parseAs(iamChangeSchema, change)),
    /** Queues faults. @throws {Refusal} if one is malformed, and then queues none. */
    faults: (...added: readonly Fault[]): void => added.map((fault) => parseAs(faultSchema, fault)).forEach(faults.add),
    clearFaults: faults.clear,
    /** Gives the user an API key. @throws {Refusal} for anything but a public RSA key in PEM. */
    addApiKey: apiKeys.add,
    /** The session that `oci session authenticate` gets after a login in the browser, for this key. @throws {Refusal} */
    async cliSession(publicKeyPem: string) {
      const { publicKey, settings } = apiKeys.describe(publicKeyPem);
      return { ...settings, token: await sessions.issueUser(publicKey) };
    },
    /** The RPST of a container instance, for this key. @throws {Refusal} */
    resourceToken: (publicKeyPem: string): Promise<string> =>
      sessions.issueResource(apiKeys.describe(publicKeyPem).publicKey, iam.groupExists()),
    /** A token as the kubelet gets it from the API server. */
    serviceAccountToken: cloud.serviceAccounts.issue,
    /** The token of a CI system for a job, such as GitLab puts it into a variable. */
    jobToken: cloud.jobs.issue,
    /** What authenticates a job at GitHub's token endpoint. */
    startJob: cloud.jobs.startJob,
    /** A trust of the identity domain, which has none at the start. */
    addTrust: trusts.add,
    /** A basic cluster exchanges no service-account tokens. Enhanced at the start. */
    clusterType(type: "basic" | "enhanced"): void {
      cloud.isEnhanced = type === "enhanced";
    },
  };
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
  "POST /job-tokens": (controls, body) => ({ token: controls.jobToken(body as JobToken) }),
  "POST /jobs": (controls, body) => ({ token: controls.startJob((body as JobToken).subject) }),
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
