/**
 * Finds the providers that the kubelet runs for an image, by its own matching, and explains why it skips the others.
 * Text in, result out; check.ts decides whether a configuration is valid.
 */
import { quote } from "../finding.ts";
import { parseImageUrl } from "./image-url.ts";
import { pathMatch } from "./path-match.ts";

interface ProviderMatch {
  readonly name: string;
  readonly matchImages: readonly string[];
  /** The first entry of matchImages that matches; undefined if the provider is not run. */
  readonly matchedBy: string | undefined;
}

/** The first minor that runs providers in the order of the file; older ones sort them by name (Kubernetes PR 129669). */
const FILE_ORDER_MINOR = 33;

/** Whether one entry of matchImages matches an image, given as the kubelet names it: without tag or digest. */
export function matchesImage(pattern: string, image: string): boolean {
  return mismatchOf(pattern, image) === undefined;
}

/**
 * Why an entry of matchImages does not match, in words for people. Labels are compared one by one, ports must be equal both ways, and
 * the path is a plain prefix.
 */
export function mismatchOf(pattern: string, image: string): string | undefined {
  const glob = parseImageUrl(pattern);
  const target = parseImageUrl(image);
  if (glob === undefined) return "the kubelet cannot read the pattern";
  if (target === undefined) return "the kubelet cannot read the image";
  if (glob.port !== target.port) return "the ports differ";
  if (glob.labels.length !== target.labels.length) return "the hosts have different numbers of labels";
  const differs = glob.labels.findIndex((label, at) => !pathMatch(label, String(target.labels[at])));
  if (differs !== -1)
    return `${quote(String(glob.labels[differs]))} does not fit ${quote(String(target.labels[differs]))}`;
  return target.path.startsWith(glob.path) ? undefined : `the image's path does not begin with ${quote(glob.path)}`;
}

/**
 * `image` as in a pod: with or without host, tag and digest. `providers` in the order of their file.
 *
 * @returns `repository`: the compared text, which is the image without tag and digest, and with docker.io if it names no host; `run`: the
 * providers that the kubelet runs, one after the other in this order
 */
export function explainMatch(
  providers: readonly Pick<ProviderMatch, "name" | "matchImages">[],
  image: string,
  options: { readonly kubeletMinor: number },
) {
  const repository = repositoryOf(image);
  const inOrder = options.kubeletMinor >= FILE_ORDER_MINOR ? providers : providers.toSorted(byName);
  const matches = inOrder.map(({ name, matchImages }): ProviderMatch => {
    return { name, matchImages, matchedBy: matchImages.find((pattern) => matchesImage(pattern, repository)) };
  });
  return {
    repository,
    run: matches.filter(({ matchedBy }) => matchedBy !== undefined),
    notRun: matches.filter(({ matchedBy }) => matchedBy === undefined),
  };
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
