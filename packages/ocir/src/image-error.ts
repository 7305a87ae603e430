/** Names the usual mistakes in an image's name, without any text of the image. Pure. */

/** @returns what is wrong with a text that is not a valid image reference. */
export function imageErrorOf(image: string): string {
  const [host = "", ...rest] = image.split("/");
  const repository = rest.join("/").replace(/[:@].*$/s, "");
  if (/^[a-z]+:\/\//i.test(image)) return "it begins with a scheme, such as https://";
  if (/[^!-~]/.test(image)) return "it has a space, or a character outside ASCII";
  if (!/[.:]/.test(host)) return "it has no registry host in front of the repository";
  if (repository === "") return "it has no repository after the registry host";
  if (/[A-Z]/.test(repository)) return "its repository has a character in upper case";
  return "it is not registry/repository:tag@digest";
}
