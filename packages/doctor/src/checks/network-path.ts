/** Checks DNS and TCP to the auth service and the registry. Behind a proxy, the proxy does both, so neither is tried. */
import type { RegionInfo } from "@ocir-broker/identity/region-info";
import { attempt } from "../attempt.ts";
import { type Check, type CheckContext, causeOf } from "../check-context.ts";
import { DIAGNOSES } from "../diagnoses.ts";
import { type Finding, finding, notChecked, type Particulars } from "../finding.ts";

export const checkAuthPath: Check = async (context) => {
  const url = await attempt(context.cloud.authUrl());
  if ("value" in url) return [await tryPath("the auth service", url.value, context)];
  return [
    notChecked(
      "the network to the auth service",
      causeOf(url.error),
      "it needs the service's name, which contains the home region",
    ),
  ];
};

export const checkRegistryPath: Check = async (context) => {
  const { cloud, image, imageName } = context;
  const host = await attempt(context.registryHost());
  const cause =
    image !== undefined && imageName === undefined ? "image-invalid" : "error" in host && causeOf(host.error);
  if ("error" in host || cause) {
    return [
      notChecked(
        "the network to the registry",
        String(cause),
        "it needs the host's name from an image or the home region",
      ),
    ];
  }
  const registryHost = host.value;
  const region = await cloud.region().catch(() => undefined);
  // Only hosts that the broker gives tokens to are probed.
  if (!(await cloud.isRegistry(registryHost))) return [];
  return [
    await tryPath("the registry", cloud.endpointOf(registryHost), context, otherRegionHint(registryHost, region)),
  ];
};

/** Resolves the URL's host and opens a TCP connection, unless the proxy does so. */
export async function tryPath(
  service: NonNullable<Particulars["service"]>,
  url: URL,
  context: CheckContext,
  hint = "",
): Promise<Finding> {
  const { network, config } = context;
  const { hostname, host } = url;
  if (usesProxy(url, config.proxy))
    return finding("network-ok", `${host}: through the proxy, so not tried`, { service });
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  let addresses: readonly string[];
  try {
    addresses = await network.resolve(hostname.replace(/^\[|\]$/g, ""));
  } catch (error) {
    return finding("dns-failed", `${hostname}: ${(error as NodeJS.ErrnoException).code ?? "no address"}`, { service });
  }
  const [address = ""] = addresses;
  const outcome = await network.connect(address, port);
  const evidence = `${host} (${addresses.slice(0, 3).join(", ")}), TCP port ${port}: ${outcome}`;
  if (outcome === "open") return finding("network-ok", evidence, { service });
  const name =
    outcome === "ECONNREFUSED"
      ? "tcp-refused"
      : /timeout|ETIMEDOUT/.test(outcome)
        ? "tcp-timeout"
        : "network-unreachable";
  return finding(name, evidence, { service, fix: `${DIAGNOSES[name].fix}${hint}` });
}

/** A service gateway covers only its own region. */
function otherRegionHint(registryHost: string, region: RegionInfo | undefined): string {
  if (region === undefined || registryHost.includes(region.id) || registryHost.startsWith(`${region.key}.`)) return "";
  return `; this registry is not in ${region.id}, and a service gateway covers only that region: others need a NAT gateway or peering`;
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
