/**
 * A second, independent definition of OCIR's hosts (label by label, without patterns), so that it does not repeat a mistake in the
 * broker's rules. For a broker without extra hosts.
 */
import { REALM_DOMAINS } from "@ocir-broker/identity/realm-domains";

const REALMS: ReadonlySet<string> = new Set(REALM_DOMAINS);

const isAmong = (from: string, to: string) => (letter: string) => letter >= from && letter <= to;
const isLetter = isAmong("a", "z");
const isDigit = isAmong("0", "9");
const every = (text: string, isAllowed: (letter: string) => boolean): boolean =>
  text.length > 0 && text.split("").every(isAllowed);

/** Port 443 is the default. */
export function isOcirHost(host: string): boolean {
  const [first = "", second = "", third = "", ...rest] = (host.endsWith(":443") ? host.slice(0, -4) : host).split(".");
  if (second === "ocir" && third === "io" && rest.length === 0) return isRegionKey(first) || isRegionId(first);
  return first === "ocir" && isRegionId(second) && third === "oci" && REALMS.has(rest.join("."));
}

function isRegionKey(text: string): boolean {
  return text.length === 3 && every(text, isLetter);
}

/** At least area, place and number: `us-ashburn-1`. */
function isRegionId(text: string): boolean {
  const parts = text.split("-");
  const area = parts.shift() ?? "";
  const number = parts.pop() ?? "";
  const isPlace = (part: string) => every(part, (letter) => isLetter(letter) || isDigit(letter));
  return (
    area.length >= 2 && every(area, isLetter) && parts.length > 0 && parts.every(isPlace) && every(number, isDigit)
  );
}
