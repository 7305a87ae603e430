/** Names the rule that an image reference breaks, from a closed table without any text of the image. Pure. */

interface Parts {
  readonly image: string;
  /** Before the first slash, and after it. */
  readonly host: string;
  readonly rest: string;
  readonly repository: string;
}

/** The first rule that applies is reported. */
const ERRORS: readonly (readonly [error: string, applies: (parts: Parts) => boolean])[] = [
  ["it is empty", ({ image }) => image === ""],
  ["it is longer than 1024 characters", ({ image }) => image.length > 1_024],
  ["it has a space or a control character", ({ image }) => /[\s\p{Cc}]/u.test(image)],
  ["it has a character outside ASCII", ({ image }) => /[^ -~]/.test(image)],
  ["it begins with a scheme, such as https://", ({ image }) => /^[a-z][a-z0-9+]*:\/\/|^\/\//i.test(image)],
  ["it begins with a slash", ({ host, image }) => host === "" && image.startsWith("/")],
  ["it has no repository after the registry host", ({ host, rest }) => rest === "" && /[.:]/.test(host)],
  ["it has no registry host in front of the repository", ({ image }) => !image.includes("/")],
  ["it has an @ in the registry host", ({ host }) => host.includes("@")],
  ["its registry host has a character that is not allowed there", ({ host }) => /[^A-Za-z0-9.:[\]-]/.test(host)],
  ["its IPv6 address is not whole or not in brackets", ({ host }) => isBrokenAddress(host)],
  ["its port is not a number from 1 to 65535", ({ host }) => !isPort(/[^:]:(.*)/s.exec(withoutAddress(host))?.[1])],
  ["its registry host begins or ends with a dot, or has two in a row", ({ host }) => /^\.|\.\.|\.(?::|$)/.test(host)],
  ["its registry host has a label that begins or ends with a hyphen", ({ host }) => /(?:^|\.)-|-(?:[.:]|$)/.test(host)],
  ["its registry host is longer than 253 characters, or a label of it than 63", ({ host }) => isLong(host)],
  [
    "it names no registry host: the part before the first slash has neither dot nor port",
    ({ host }) => /^[A-Za-z0-9-]+$/.test(host) && host !== "localhost",
  ],
  ["its repository is longer than 255 characters", ({ repository }) => repository.length > 255],
  ["its repository has a character in upper case", ({ repository }) => /[A-Z]/.test(repository)],
  ["its repository has an empty part, or a slash at an end", ({ repository }) => /^$|^\/|\/\/|\/$/.test(repository)],
  ["its repository has a character that is not allowed there", ({ repository }) => /[^a-z0-9._/-]/.test(repository)],
  [
    "a part of its repository begins or ends with a separator, or has too many in a row",
    ({ repository }) => !/^(?:[a-z0-9]+(?:[._]|__|-+|\/|$))+$/.test(repository) || /[._-](?:\/|$)/.test(repository),
  ],
  ["its digest is not one algorithm, a colon and 32 to 128 hexadecimal digits", ({ rest }) => rest.includes("@")],
  [
    "its tag is empty, longer than 128 characters, or has a character that is not allowed there",
    ({ rest }) => rest.includes(":"),
  ],
];

/** @returns the error of a text that is not a valid image reference; never empty. */
export function imageErrorOf(image: string): string {
  const slash = image.indexOf("/");
  const host = slash < 0 ? image : image.slice(0, slash);
  const rest = slash < 0 ? "" : image.slice(slash + 1);
  const parts = { image, host, rest, repository: rest.replace(/[:@].*$/s, "") };
  return ERRORS.find(([, applies]) => applies(parts))?.[0] ?? "it is not registry/repository:tag@digest";
}

function isBrokenAddress(host: string): boolean {
  return /[[\]]/.test(host) ? !/^\[[0-9A-Fa-f:]+\](?::.*)?$/.test(host) : /^:|::/.test(host);
}

function withoutAddress(host: string): string {
  return host.replace(/^\[.*\]/, "address");
}

function isPort(port: string | undefined): boolean {
  return port === undefined || (/^[1-9][0-9]{0,4}$/.test(port) && Number(port) <= 65_535);
}

function isLong(host: string): boolean {
  const [name = ""] = host.split(":");
  return name.length > 253 || name.split(".").some((label) => label.length > 63);
}
