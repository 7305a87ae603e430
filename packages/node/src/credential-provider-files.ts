/**
 * Reads the kubelet's credential provider configuration: the files that its flag names, and how they call our credential provider.
 * The package kubelet-config judges them.
 */
import type { Stats } from "node:fs";
import { join } from "node:path";
import { printable } from "@ocir-broker/foundation/printable";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { type ConfigFile, isConfigName } from "@ocir-broker/kubelet-config/reading/decode";
import { decodeConfigText } from "@ocir-broker/kubelet-config/reading/document";
import { API_VERSION, isOurPlugin } from "@ocir-broker/protocol/contract";
import { parse } from "yaml";
import * as z from "zod";
import { type NodeFiles, pathsIn, type Read } from "./node-files.ts";

export interface CredentialProviderFiles {
  readonly path: string;
  readonly directory: boolean;
  readonly files: readonly ConfigFile[];
  /** The errno code, if a file could not be read. */
  readonly failure?: string;
  /** Why nothing was read: a user other than root can change it. */
  readonly distrusted?: string;
}

/** How the kubelet calls our credential provider. The values may be secret and are passed to the program only. */
export interface Invocation {
  readonly apiVersion: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The part of a pod's service account that the kubelet sends to our credential provider: a token's audience, and annotations. */
export interface TokenAttributes {
  readonly audience: string;
  readonly annotationKeys: readonly string[];
}

const strings = z.array(z.string()).nullish();

const config = z.object({
  providers: z.array(
    z.object({
      name: z.string(),
      apiVersion: z.string().optional(),
      tokenAttributes: z
        .object({
          serviceAccountTokenAudience: z.string(),
          requiredServiceAccountAnnotationKeys: strings,
          optionalServiceAccountAnnotationKeys: strings,
        })
        .nullish(),
      args: strings,
      env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
    }),
  ),
});

/** @param path the value of the kubelet's flag: a file, or a directory. */
export function readCredentialProviderFiles(files: NodeFiles, path: string): CredentialProviderFiles {
  const stats = files.stat(path);
  if ("failure" in stats) return { path, directory: false, files: [], failure: stats.failure };
  const distrusted = distrustOfAll(files, path);
  if (distrusted !== undefined) return { path, directory: false, files: [], distrusted };
  const directory = stats.value.isDirectory();
  const names = directory ? files.list(path) : { value: [""] };
  if ("failure" in names) return { path, directory, files: [], failure: names.failure };
  const read = names.value
    .map((name) => join(path, name))
    .filter((file) => !directory || (isConfigName(file) && !isDirectory(files.lstat(file))))
    .map((file) => ({ path: file, bytes: files.readBytes(file) }));
  const unreadable = read.map(({ bytes }) => ("failure" in bytes ? bytes.failure : undefined)).find((code) => code);
  const texts = read.flatMap(({ path: file, bytes }) =>
    "value" in bytes ? [{ path: file, text: decodeConfigText(bytes.value) }] : [],
  );
  return { path, directory, files: texts, ...(unreadable === undefined ? {} : { failure: unreadable }) };
}

/** Checks the configuration's path and, if it is a directory, each of its files. */
export function distrustOfAll(files: NodeFiles, configPath: string): string | undefined {
  const distrusted = files.distrust(configPath);
  if (distrusted !== undefined) return distrusted;
  return pathsIn(configPath, files)
    .filter(isConfigName)
    .map(files.distrust)
    .find((reason) => reason !== undefined);
}

/** One line: why root should not read, run or write this path, or a configuration file in it. */
export function pathErrorOf(path: string, files: NodeFiles): string | undefined {
  if (!path.startsWith("/")) return `${printable(path)} is not an absolute path`;
  const distrusted = distrustOfAll(files, path);
  const next = "make root the only owner and writer of it and of each folder above it";
  return distrusted && `${printable(path)}: ${distrusted}; ${next}`;
}

function isDirectory(stats: Read<Stats>): boolean {
  return "value" in stats && stats.value.isDirectory();
}

/** Uses what can be parsed; another check reports errors of the files. */
export function invocationIn(files: readonly ConfigFile[]): Invocation {
  const { apiVersion = API_VERSION, args, env } = ourEntries(files)[0] ?? {};
  return {
    apiVersion,
    args: args ?? [],
    env: Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
  };
}

export function tokenAttributesIn(files: readonly ConfigFile[]): TokenAttributes[] {
  return ourEntries(files)
    .flatMap(({ tokenAttributes }) => tokenAttributes ?? [])
    .map((attributes) => ({
      audience: attributes.serviceAccountTokenAudience,
      annotationKeys: [
        ...(attributes.requiredServiceAccountAnnotationKeys ?? []),
        ...(attributes.optionalServiceAccountAnnotationKeys ?? []),
      ],
    }));
}

function ourEntries(files: readonly ConfigFile[]): z.output<typeof config>["providers"] {
  return files
    .flatMap(({ text }) => resultIfAny(() => config.safeParse(parse(text)).data?.providers) ?? [])
    .filter(({ name }) => isOurPlugin(name));
}
