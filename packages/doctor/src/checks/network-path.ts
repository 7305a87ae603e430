/** Checks DNS and TCP to the auth service and the registry, unless a proxy does both. */
import type { RegionInfo } from "@ocir-broker/identity/region-info";
import { attempt } from "../attempt.ts";
import { type Check, type CheckContext, causeOf } from "../check-context.ts";
import { DIAGNOSES } from "../diagnoses.ts";
import { type Finding, finding, notChecked, type Particulars } from "../finding.ts";
import { proxyFor } from "./proxy.ts";
import { tryAddress } from "./try-address.ts";
import { unknownRegionIn } from "./unknown-region.ts";

export const checkAuthPath: Check = async (context) => {
  const url = await attempt(context.cloud.authUrl());
  if ("value" in url) return tryPath("the auth service", url.value, context);
  const needs = "it needs the service's name, which contains the identity's region";
  return notChecked("the network to the auth service", causeOf(url.error), needs);
};

export const checkRegistryPath: Check = async (context) => {
  const { cloud } = context;
  const host = await attempt(context.registryHost());
  if ("error" in host) {
    const needs = "it needs the host's name from an image or the identity's region";
    return notChecked("the network to the registry", causeOf(host.error), needs);
  }
  const registryHost = host.value;
  const region = await cloud.region().catch(() => undefined);
  // Only hosts that the broker gives tokens to are probed.
  if (!(await cloud.isRegistry(registryHost))) return [];
  const hint = otherRegionHint(registryHost, region);
  const tried = await tryPath("the registry", cloud.endpointOf(registryHost), context, hint);
  return (await regionFinding(registryHost, tried, context)) ?? tried;
};

/** One finding if the registry host names a region that does not exist, which only a failure proves: this release may be older. */
async function regionFinding(
  registryHost: string,
  path: Finding | undefined,
  context: CheckContext,
): Promise<Finding | undefined> {
  const region = await unknownRegionIn(registryHost, context);
  if (region === undefined) return undefined;
  const isMissing =
    path === undefined
      ? "error" in (await attempt(context.cloud.token(registryHost)))
      : path.name === "dns-failed" && path.evidence.endsWith(": ENOTFOUND");
  if (!isMissing) return undefined;
  const evidence = path?.evidence ?? `${registryHost}, through the proxy`;
  return finding("image-region-unknown", `no region ${region}: ${evidence}`);
}

/** Tries the URL's address. Undefined if the proxy connects to it, which proxy.ts checks. */
export async function tryPath(
  service: NonNullable<Particulars["service"]>,
  url: URL,
  context: CheckContext,
  hint = "",
): Promise<Finding | undefined> {
  if (proxyFor(url, context) !== undefined) return undefined;
  const { outcome, evidence } = await tryAddress(url, context.network);
  if (outcome === "open") return finding("network-ok", evidence, { service });
  const name = nameOf(outcome);
  const fix = name === "dns-failed" ? undefined : `${DIAGNOSES[name].fix}${hint}`;
  return finding(name, evidence, { service, fix });
}

function nameOf(outcome: string) {
  if (outcome === "unresolved") return "dns-failed";
  if (outcome === "ECONNREFUSED") return "tcp-refused";
  return /timeout|ETIMEDOUT/.test(outcome) ? "tcp-timeout" : "network-unreachable";
}

/** A service gateway covers only its own region. */
function otherRegionHint(registryHost: string, region: RegionInfo | undefined): string {
  if (region === undefined || registryHost.includes(region.id) || registryHost.startsWith(`${region.key}.`)) return "";
  return `; this registry is not in ${region.id}, and a service gateway covers only that region: others need a NAT gateway or peering`;
}
