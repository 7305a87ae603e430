/**
 * The contents of packages and images as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): the bundled npm packages, Node, the
 * libraries, and ours. `npm sbom` would list the whole lockfile, tests and linters included.
 */
import type { Release } from "../release.ts";
import type { Target } from "../target.ts";
import type { BundledPackage } from "./bundled-packages.ts";
import { nodeChecksums } from "./node-package.ts";

/** @param name of the product */
export function billOfMaterials(
  name: string,
  target: Target,
  release: Release,
  libraries: readonly Component[],
  packages: readonly BundledPackage[],
): string {
  const purl = `pkg:generic/${name}@${release.version}?arch=${target.debArchitecture}&os=linux`;
  const components = [nodeComponent(target), ...libraries, ...packages.map(npmComponent)];
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: new Date(release.epochS * 1000).toISOString(),
      component: {
        type: "application",
        "bom-ref": purl,
        name,
        version: release.version,
        licenses: [{ license: { id: "Apache-2.0" } }],
        purl,
      },
    },
    components,
    dependencies: [{ ref: purl, dependsOn: components.map((component) => component["bom-ref"]) }],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

export interface Component {
  readonly type: "platform" | "library";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version?: string;
  readonly licenses: readonly object[];
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

function nodeComponent({ nodeArchitecture }: Target): Component {
  const { version, sha256 } = nodeChecksums();
  const purl = `pkg:generic/node@${version}?arch=${nodeArchitecture}&os=linux`;
  return {
    ...libraryComponent("node", purl, { license: { id: "MIT" } }, version),
    type: "platform",
    hashes: [{ alg: "SHA-256", content: sha256[nodeArchitecture] }],
  };
}

export function libraryComponent(name: string, purl: string, licence: object, version?: string): Component {
  return {
    type: "library",
    "bom-ref": purl,
    name,
    ...(version !== undefined && { version }),
    licenses: [licence],
    purl,
  };
}

function npmComponent({ name, version, licence, integrity }: BundledPackage): Component {
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const sha512 = Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
  const named = /[() ]/.test(licence) ? { expression: licence } : { license: { id: licence } };
  return { ...libraryComponent(name, purl, named, version), hashes: [{ alg: "SHA-512", content: sha512 }] };
}
