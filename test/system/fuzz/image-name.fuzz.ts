import { REALM_DOMAINS } from "@ocir-broker/identity/realm-domains";
import { isProbeable } from "@ocir-broker/ocir/access-probe";
import { createHostRules } from "@ocir-broker/ocir/host-rules";
import { parseImage } from "@ocir-broker/ocir/image";
import { OcirError } from "@ocir-broker/ocir/ocir-error";
import { isOcirHost } from "./host-oracle.ts";

const isAllowed = createHostRules({ realmDomains: REALM_DOMAINS, extraHosts: [] });

/** A name is parsed or refused; a host that may get a token is a registry for the oracle too, and the same host in a URL. */
export function fuzz(data: Buffer): void {
  const text = data.toString("utf8");
  if (isAllowed(text) !== isOcirHost(text) && text.length <= 259)
    throw new TypeError("the rules and the oracle differ");
  let name: ReturnType<typeof parseImage>;
  try {
    name = parseImage(text);
  } catch (error) {
    if (error instanceof OcirError && error.code === "image-invalid") return;
    throw error;
  }
  const { registryHost, repository } = name;
  if (isAllowed(registryHost) && !isOcirHost(registryHost)) throw new TypeError("a token for a stranger");
  if (isAllowed(registryHost) && new URL(`https://${registryHost}`).host !== registryHost)
    throw new TypeError("not the URL's host");
  const path = `/v2/${repository}/manifests/latest`;
  if (isProbeable(repository) && new URL(path, "https://iad.ocir.io").href !== `https://iad.ocir.io${path}`) {
    throw new TypeError("a probe that goes elsewhere");
  }
}
