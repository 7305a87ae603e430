/** Can the auth service and the registry be reached: the name, then TCP. Where a proxy stands between, it is the proxy's part. */
import type { RegionInfo } from "@ocir-broker/identity";
import { DIAGNOSES } from "../diagnoses.ts";
import { type Check, type Examination, valueIfAny } from "../examination.ts";
import { type Finding, finding } from "../finding.ts";

export const checkAuthPath: Check = async (examination) => {
  const url = await valueIfAny(examination.cloud.authUrl());
  if (url === undefined) return [finding("not-checked", "network to the auth service: the region is not known")];
  return [await tryPath("auth service", url, examination)];
};

export const checkRegistryPath: Check = async (examination) => {
  const { cloud, image, imageName } = examination;
  const registryHost = await valueIfAny(examination.registryHost());
  if (registryHost === undefined || (image !== undefined && imageName === undefined)) {
    return [finding("not-checked", "network to the registry: its host is not known")];
  }
  const region = await valueIfAny(cloud.region());
  // Somebody else's registry is none of our business.
  if (!cloud.isRegistry(registryHost, region)) return [];
  return [
    await tryPath("registry", cloud.endpointOf(registryHost), examination, otherRegionHint(registryHost, region)),
  ];
};

/** What the checks of session and token need to know to say no more than this. */
export async function tryPath(what: string, url: URL, examination: Examination, hint = ""): Promise<Finding> {
  const { network, settings } = examination;
  const { hostname, host } = url;
  if (usesProxy(url, settings.proxy))
    return finding("network-ok", `${what} ${host}: through the proxy, not tried here`);
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  let addresses: readonly string[];
  try {
    addresses = await network.resolve(hostname.replace(/^\[|\]$/g, ""));
  } catch (error) {
    return finding("dns-failed", `${what} ${hostname}: ${(error as NodeJS.ErrnoException).code ?? "no address"}`);
  }
  const [address = ""] = addresses;
  const outcome = await network.connect(address, port);
  const evidence = `${what} ${host} (${addresses.slice(0, 3).join(", ")}), TCP port ${port}: ${outcome}`;
  if (outcome === "open") return finding("network-ok", evidence);
  const name =
    outcome === "ECONNREFUSED"
      ? "tcp-refused"
      : /timeout|ETIMEDOUT/.test(outcome)
        ? "tcp-timeout"
        : "network-unreachable";
  return finding(name, evidence, `${DIAGNOSES[name].fix}${hint}`);
}

/** A service gateway covers its own region and no other. */
function otherRegionHint(registryHost: string, region: RegionInfo | undefined): string {
  if (region === undefined || registryHost.includes(region.id) || registryHost.startsWith(`${region.key}.`)) return "";
  return `; this registry is not in ${region.id}, and a service gateway covers the node's own region only: other regions take a NAT gateway or peering`;
}

function usesProxy(
  url: URL,
  { https, noProxy = "" }: { https?: string | undefined; noProxy?: string | undefined },
): boolean {
  if (!https || url.protocol !== "https:") return false;
  const excepted = noProxy.split(",").map(
    (entry) =>
      entry
        .trim()
        .replace(/^\*?\./, "")
        .split(":")[0],
  );
  return !excepted.some(
    (entry) => entry === "*" || (entry && (url.hostname === entry || url.hostname.endsWith(`.${entry}`))),
  );
}
