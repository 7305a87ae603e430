/** Checks the proxy, if a service is reached through one: its name, its port, and whether it connects to Oracle's services. */
import { NEXT } from "@ocir-broker/errors/error-row";
import { parseProxyUrl } from "@ocir-broker/foundation/dispatcher";
import { registryHostOf } from "@ocir-broker/ocir/host-rules";
import { attempt } from "../attempt.ts";
import type { Check, CheckContext } from "../check-context.ts";
import { finding } from "../finding.ts";
import { proxyFailureIn } from "../proxy-failure.ts";
import { tryAddress } from "./try-address.ts";
import { unknownRegionIn } from "./unknown-region.ts";

/** As undici's rule in foundation/dispatcher.ts. */
const NEVER_PROXIED = ["localhost", "127.0.0.1", "[::1]"];

export const checkProxy: Check = async (context) => {
  const { cloud, network, registryHost } = context;
  // An image whose name cannot be read hides no broken proxy.
  const host = await attempt(registryHost().catch(async () => registryHostOf(await cloud.region())));
  const auth = cloud.provider === "instance-principal" ? [await attempt(cloud.authUrl())] : [];
  const targets = [
    ...("value" in host ? [cloud.endpointOf(host.value)] : []),
    ...auth.flatMap((url) => ("value" in url ? [url.value] : [])),
  ];
  const proxy = targets.map((url) => proxyFor(url, context)).find((url) => url !== undefined);
  if (proxy === undefined) return [];
  const { outcome, evidence } = await tryAddress(proxy, network);
  if (outcome !== "open") return finding("proxy-unreachable", evidence);
  const session = await attempt(cloud.session());
  // A proxy cannot connect to a registry that does not exist.
  const isThere = "value" in host && (await unknownRegionIn(host.value, context)) === undefined;
  const token = isThere ? await attempt(cloud.token(host.value)) : session;
  const failure = [session, token].map((each) => "error" in each && proxyFailureIn(each.error)).find((each) => each);
  if (!failure) return finding("proxy-ok", evidence);
  if (failure.code !== "proxy-refused") return finding("proxy-unreachable", `${evidence}, but it does not respond`);
  const refusal = `${proxy.host} refuses a connection: ${failure.message}`;
  return finding("proxy-unreachable", refusal, { fix: NEXT.proxySettings });
};

export function proxyFor(url: URL, { config: { proxy } }: Pick<CheckContext, "config">): URL | undefined {
  const { https, noProxy = "" } = proxy;
  if (!https || url.protocol !== "https:" || NEVER_PROXIED.includes(url.hostname)) return undefined;
  const excepted = noProxy.split(",").map(
    (entry) =>
      entry
        .trim()
        .replace(/^\*?\./, "")
        .split(":")[0],
  );
  const isExcepted = excepted.some(
    (entry) => entry === "*" || (entry && (url.hostname === entry || url.hostname.endsWith(`.${entry}`))),
  );
  return isExcepted ? undefined : parseProxyUrl(https);
}
