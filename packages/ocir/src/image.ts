/**
 * Parses an image reference into registry and repository.
 *
 * The grammar is distribution's (github.com/distribution/reference), which the kubelet checks before it calls the plugin, but
 * the registry host is required. Does not decide whether the registry is Oracle's.
 */
import { withoutDefaultPort } from "./host-rules.ts";
import { imageErrorOf } from "./image-error.ts";
import { OcirError } from "./ocir-error.ts";

export interface ImageName {
  /** In lower case, with its port unless that is the default, 443. */
  readonly registryHost: string;
  /** Host and port as the image spells them. */
  readonly spelledHost: string;
  readonly repository: string;
}

/** Host 253, port 6, repository 255, tag 129, digest 200. */
const MAX_IMAGE_LENGTH = 1_024;
const MAX_HOST_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;
/** distribution's RepositoryNameTotalLengthMax. */
const MAX_REPOSITORY_LENGTH = 255;

// Each alternative starts with a character that the previous one cannot contain, so no text causes backtracking.
const LABEL = "[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*";
const HOST = `(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9A-Fa-f:]+\\])`;
const PORT = "[1-9][0-9]{0,4}";
const COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const REPOSITORY = `${COMPONENT}(?:/${COMPONENT})*`;
const TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,128}";

const IMAGE = new RegExp(`^(${HOST})(?::(${PORT}))?/(${REPOSITORY})(?::${TAG})?(?:@${DIGEST})?$`);
const REFERENCE_OF = new RegExp(`(?:@(?<digest>${DIGEST})|:(?<tag>${TAG}))$`);
const REFERENCE_ONLY = new RegExp(`^(?:${DIGEST}|${TAG})$`);
const REPOSITORY_ONLY = new RegExp(`^${REPOSITORY}$`);

/**
 * Accepts and drops tag and digest, which the kubelet strips. Refuses a scheme, user info, characters beyond ASCII, a trailing
 * dot and an empty label; also a first component that distribution treats as part of a Docker Hub repository, because it has
 * neither dot nor port and is not `localhost`.
 *
 * @throws {OcirError} only `image-invalid`, for any text
 */
export function parseImage(image: string): ImageName {
  const [, host, port, repository] = (image.length <= MAX_IMAGE_LENGTH && IMAGE.exec(image)) || [];
  if (host === undefined || repository === undefined || !isHost(host, port) || !isRepository(repository)) {
    throw new OcirError("image-invalid", "image", { subject: imageErrorOf(image) });
  }
  const spelledHost = port === undefined ? host : `${host}:${port}`;
  return { registryHost: withoutDefaultPort(spelledHost.toLowerCase()), spelledHost, repository };
}

/** The reference of an image that parseImage accepts: its digest, otherwise its tag, otherwise `latest`, as in every client. */
export function referenceOf(image: string): string {
  const { digest, tag } = REFERENCE_OF.exec(image.slice(image.indexOf("/") + 1))?.groups ?? {};
  return digest ?? tag ?? "latest";
}

/** Whether a text is a tag or digest, which is safe in a URL's path. */
export function isReference(text: string): boolean {
  return REFERENCE_ONLY.test(text);
}

/** Whether a text is a repository in distribution's grammar, which is safe in a URL's path. */
export function isRepository(text: string): boolean {
  return text.length <= MAX_REPOSITORY_LENGTH && REPOSITORY_ONLY.test(text);
}

function isHost(host: string, port: string | undefined): boolean {
  if (Number(port ?? 0) > 65_535 || host.length > MAX_HOST_LENGTH) return false;
  const labels = host.split(".");
  if (labels.some((label) => label.length > MAX_LABEL_LENGTH)) return false;
  return labels.length > 1 || port !== undefined || host.startsWith("[") || host === "localhost";
}
