/**
 * Finds the providers that the kubelet runs for an image, by its own matching, and explains why it skips the others.
 * Text in, result out; check.ts decides whether a configuration is valid.
 */
import { quote } from "../finding.ts";
import { type ImageUrl, parseImageUrl } from "./image-url.ts";
import { pathMatch } from "./path-match.ts";

interface ProviderMatch {
  readonly name: string;
  /** The first entry of matchImages that matches. Absent if the provider is not run. */
  readonly matchedBy?: string;
  /** Why each entry before that one, or all entries, do not match; `detail` in words for people. */
  readonly mismatches: readonly { readonly pattern: string; readonly detail: string }[];
}

interface MatchExplanation {
  /** The compared text: the image without tag and digest, and with docker.io if it names no host. */
  readonly repository: string;
  /** Listed in the order in which the kubelet runs them, one after the other. */
  readonly run: readonly ProviderMatch[];
  readonly notRun: readonly ProviderMatch[];
}

/** The first minor that runs providers in the order of the file; older ones sort them by name (Kubernetes PR 129669). */
const FILE_ORDER_MINOR = 33;

/**
 * Whether one entry of matchImages matches an image, given as the kubelet names it: without tag or digest.
 * Labels are compared one by one, ports must be equal both ways, the path is a plain prefix.
 */
export function matchesImage(pattern: string, image: string): boolean {
  return mismatchOf(pattern, image) === undefined;
}

/** `image` as in a pod: with or without host, tag and digest. `providers` in the order of their file. */
export function explainMatch(
  providers: readonly { readonly name: string; readonly matchImages: readonly string[] }[],
  image: string,
  options: { readonly kubeletMinor: number },
): MatchExplanation {
  const repository = repositoryOf(image);
  const inOrder = options.kubeletMinor >= FILE_ORDER_MINOR ? providers : providers.toSorted(byName);
  const matches = inOrder.map(({ name, matchImages }): ProviderMatch => {
    const mismatches: { pattern: string; detail: string }[] = [];
    for (const pattern of matchImages) {
      const detail = mismatchOf(pattern, repository);
      if (detail === undefined) return { name, matchedBy: pattern, mismatches };
      mismatches.push({ pattern, detail });
    }
    return { name, mismatches };
  });
  return {
    repository,
    run: matches.filter(({ matchedBy }) => matchedBy !== undefined),
    notRun: matches.filter(({ matchedBy }) => matchedBy === undefined),
  };
}

function mismatchOf(pattern: string, image: string): string | undefined {
  const glob = parseImageUrl(pattern);
  if (glob === undefined) return "the kubelet cannot read the pattern";
  const target = parseImageUrl(image);
  if (target === undefined) return "the kubelet cannot read the image";
  if (glob.port !== target.port) return `${portOf("the pattern", glob)}, ${portOf("the image", target)}`;
  if (glob.labels.length !== target.labels.length) {
    return `the pattern's host has ${count(glob)}, the image's has ${count(target)}`;
  }
  const differs = glob.labels.findIndex((label, at) => !pathMatch(label, String(target.labels[at])));
  if (differs !== -1)
    return `${quote(String(glob.labels[differs]))} does not fit ${quote(String(target.labels[differs]))}`;
  return target.path.startsWith(glob.path) ? undefined : `the image's path does not begin with ${quote(glob.path)}`;
}

/**
 * The kubelet's normalised name (distribution/reference): the first part is a host only if it has a dot, a colon or an
 * upper-case letter, or is localhost.
 */
function repositoryOf(image: string): string {
  const [named] = image.split("@", 1);
  // A colon without a slash after it starts a tag.
  const untagged = String(named).replace(/:[^:/]*$/, "");
  const [host, ...rest] = untagged.split("/");
  if (rest.length === 0 || !isHost(String(host))) return dockerHub(untagged);
  return host === "docker.io" || host === "index.docker.io" ? dockerHub(rest.join("/")) : untagged;
}

function isHost(name: string): boolean {
  return /[.:]/.test(name) || name === "localhost" || name !== name.toLowerCase();
}

function dockerHub(name: string): string {
  return name.includes("/") ? `docker.io/${name}` : `docker.io/library/${name}`;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
}

function portOf(what: string, { port }: ImageUrl): string {
  return port === "" ? `${what} has no port` : `${what} has port ${port}`;
}

function count({ labels }: ImageUrl): string {
  return labels.length === 1 ? "1 label" : `${labels.length} labels`;
}
