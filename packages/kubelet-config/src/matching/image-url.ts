/**
 * Parses an entry of matchImages, and an image, as the kubelet does: Go's net/url with https:// in front, then host and
 * port. Its documentation omits two consequences: `?` is not a glob, because a query begins there, and a glob in the port
 * is an error.
 */
import { isIPv6 } from "node:net";

export interface ImageUrl {
  /** The host's labels, split at dots; one empty label if there is no host. */
  readonly labels: readonly string[];
  /** Empty if there is no port. */
  readonly port: string;
  /** Keeps its leading slash, percent escapes decoded; may be empty. */
  readonly path: string;
  /** Has brackets or colons that Go refuses since 1.25.8 (CVE-2025-47912, CVE-2026-25679) and 1.26. */
  readonly refusedByNewerGo: boolean;
}

const BAD_ESCAPE = /%(?![0-9a-f]{2})/i;
/** In a host, only bytes beyond ASCII and the percent sign itself may be escaped. */
const BAD_HOST_ESCAPE = /%(?!25|[89a-f][0-9a-f])/i;
const HOST_CHARACTERS = /^[\w.~!$&'()*+,;=:[\]<>"%\u{80}-\u{10ffff}-]*$/u;
const USER_CHARACTERS = /^[\w.:~!$&'()*+,;=%@-]*$/;
const PORT_OR_NOTHING = /^(?::[0-9]*)?$/;

/** @returns undefined if the kubelet cannot parse the text */
export function parseImageUrl(text: string): ImageUrl | undefined {
  const [beforeFragment, fragment] = cut(text, "#");
  if (hasControlCharacter(beforeFragment) || BAD_ESCAPE.test(fragment)) return undefined;
  const [beforeQuery] = cut(beforeFragment, "?");
  const [authority] = cut(beforeQuery, "/");
  const path = beforeQuery.slice(authority.length);
  const at = authority.lastIndexOf("@");
  const userInfo = authority.slice(0, Math.max(at, 0));
  const host = authority.slice(at + 1);
  if (!USER_CHARACTERS.test(userInfo) || BAD_ESCAPE.test(userInfo)) return undefined;
  if (!isHost(host) || BAD_ESCAPE.test(path)) return undefined;
  const split = splitHostPort(decodeEscapes(host));
  return {
    labels: split.host.split("."),
    port: split.port,
    path: decodeEscapes(path),
    refusedByNewerGo: isRefusedByNewerGo(host),
  };
}

function isHost(host: string): boolean {
  if (!HOST_CHARACTERS.test(host) || BAD_HOST_ESCAPE.test(host)) return false;
  if (host.startsWith("[")) return host.includes("]") && PORT_OR_NOTHING.test(host.slice(host.lastIndexOf("]") + 1));
  const colon = host.lastIndexOf(":");
  return colon === -1 || PORT_OR_NOTHING.test(host.slice(colon));
}

function isRefusedByNewerGo(host: string): boolean {
  if (!host.includes("[")) return host.indexOf(":") !== host.lastIndexOf(":");
  const address = /^\[(?<address>[^[\]]*)\](?::[0-9]*)?$/.exec(host)?.groups?.["address"];
  return address === undefined || !isIPv6(decodeEscapes(address));
}

/** Go's net.SplitHostPort; if that fails, the whole text is the host, as in the kubelet. */
function splitHostPort(hostPort: string): { host: string; port: string } {
  const parts = /^(?:\[(?<literal>[^[\]]*)\]|(?<name>[^[\]:]*)):(?<port>[^[\]:]*)$/.exec(hostPort)?.groups;
  if (parts === undefined) return { host: hostPort, port: "" };
  return { host: parts["literal"] ?? String(parts["name"]), port: String(parts["port"]) };
}

function cut(text: string, separator: string): [before: string, after: string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decodeEscapes(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => Buffer.from(escapes.replaceAll("%", ""), "hex").toString());
}

function hasControlCharacter(text: string): boolean {
  return [...text].some((character) => character < " " || character === "\u007f");
}
