/** Which base URLs may replace a service's own: secrets and signatures must not cross a network unencrypted. */
import { BlockList, isIP } from "node:net";

/**
 * Loopback and link-local. The last is the metadata service's address on IPv6-only hosts, which is unique-local by its range but
 * behaves as link-local.
 */
const NEAR = [
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["::1", 128, "ipv6"],
  ["fe80::", 10, "ipv6"],
  ["fd00:c1::a9fe:a9fe", 128, "ipv6"],
] as const;

/**
 * Allows https to any host, and http only to loopback and link-local addresses and `localhost`. A base URL must not have user
 * name, password, query or fragment.
 */
export function isEndpointAllowed(url: URL): boolean {
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isNear(url.hostname));
}

function isNear(hostname: string): boolean {
  const address = hostname.replace(/^\[(.*)\]$/, "$1");
  const family = isIP(address);
  if (family === 0) return hostname === "localhost";
  const near = new BlockList();
  for (const [network, prefix, kind] of NEAR) near.addSubnet(network, prefix, kind);
  return near.check(address, family === 6 ? "ipv6" : "ipv4");
}
