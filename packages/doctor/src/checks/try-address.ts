/** Resolves a URL's host and opens a TCP connection to its port. */
import type { Network } from "@ocir-broker/node/network";

/** @returns `outcome`: `open`, `unresolved`, `timeout`, or an errno code. */
export async function tryAddress({ hostname, host, port, protocol }: URL, network: Network) {
  let addresses: readonly string[];
  try {
    addresses = await network.resolve(hostname.replace(/^\[|\]$/g, ""));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "no address";
    return { outcome: "unresolved", evidence: `${hostname}: ${code}` };
  }
  const [address = ""] = addresses;
  const number = Number(port) || (protocol === "https:" ? 443 : 80);
  const outcome = await network.connect(address, number);
  return { outcome, evidence: `${host} (${addresses.slice(0, 3).join(", ")}), TCP port ${number}: ${outcome}` };
}
