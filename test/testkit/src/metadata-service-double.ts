/** An instance's metadata service as msw handlers, which check requests as strictly as the real one. */
import { HttpResponse, http } from "msw";
import type { InstanceIdentity } from "./instance-identity.ts";

const REGION_INFO = {
  realmKey: "oc1",
  realmDomainComponent: "oraclecloud.com",
  regionKey: "IAD",
  regionIdentifier: "us-ashburn-1",
};

/** A test replaces `identity` to rotate; without it, `/identity/*` answers 404. */
export function createMetadataServiceDouble(identity?: InstanceIdentity) {
  const double = { identity };
  return Object.assign(double, {
    handlers: [
      http.get("*/opc/v2/*", ({ request: { headers } }) => {
        const asForwarded = [...headers.keys()].some((name) => name.includes("forwarded"));
        if (headers.get("authorization") === "Bearer Oracle" && !asForwarded) return undefined;
        return new HttpResponse("no", { status: 403 });
      }),
      http.get("*/opc/v2/instance/regionInfo", () => HttpResponse.json(REGION_INFO)),
      http.get("*/opc/v2/identity/cert.pem", () => textOr404(double.identity?.certificatePem)),
      http.get("*/opc/v2/identity/key.pem", () => textOr404(double.identity?.keyPem)),
      http.get("*/opc/v2/identity/intermediate.pem", () => textOr404(double.identity?.intermediatePem)),
    ],
  });
}

function textOr404(text: string | undefined): HttpResponse<string> {
  return text === undefined ? HttpResponse.text("not found", { status: 404 }) : HttpResponse.text(text);
}
