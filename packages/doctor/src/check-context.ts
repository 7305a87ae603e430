/** The context that all checks share: the node, the cloud, and results that more than one check needs. */
import { codeOf } from "@ocir-broker/errors/describe-error";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { type CredentialProviderFiles, readCredentialProviderFiles } from "@ocir-broker/node/credential-provider-files";
import { detectKubelet, type Kubelet } from "@ocir-broker/node/kubelet";
import type { NodeFiles } from "@ocir-broker/node/node-files";
import type { RunProgram } from "@ocir-broker/node/program-run";
import { registryHostOf } from "@ocir-broker/ocir/host-rules";
import { type ImageName, parseImage } from "@ocir-broker/ocir/image";
import { once } from "./attempt.ts";
import type { Cloud } from "./cloud.ts";
import { findingOfCode } from "./diagnoses.ts";
import type { DoctorOptions } from "./doctor-options.ts";
import type { Finding } from "./finding.ts";

export interface CheckContext
  extends Pick<
    DoctorOptions,
    "config" | "configError" | "environment" | "image" | "serviceAccountToken" | "version" | "clock" | "ownerId"
  > {
  /** Undefined without an image, or if its name cannot be parsed. */
  readonly imageName: ImageName | undefined;
  readonly files: NodeFiles;
  readonly runProgram: RunProgram;
  readonly cloud: Cloud;
  readonly signal: AbortSignal;
  kubelet(): Promise<Kubelet | undefined>;
  credentialProviderFiles(): Promise<CredentialProviderFiles | undefined>;
  /** The image's host or, without an image, the home region's. Rejects if the image is invalid or the home region unknown. */
  registryHost(): Promise<string>;
}

/** Checks one topic. An error of the node is a finding, never an exception. */
export type Check = (context: CheckContext) => Promise<Found>;

/** Undefined stands for nothing to report. */
type Found = Finding | undefined | readonly (Finding | undefined)[];

/** The topic names the check if it runs out of time. */
export type NamedCheck = readonly [topic: string, check: Check];

export function createCheckContext(
  given: Omit<CheckContext, "imageName" | "kubelet" | "credentialProviderFiles" | "registryHost">,
): CheckContext {
  const { image, cloud } = given;
  const kubelet = once(() => detectKubelet(given.files, given.runProgram));
  const credentialProviderFiles = once(async () => {
    const path = (await kubelet())?.config;
    return path === undefined ? undefined : readCredentialProviderFiles(given.files, path);
  });
  return {
    ...given,
    imageName: resultIfAny(() => parseImage(image ?? "")),
    kubelet,
    credentialProviderFiles,
    registryHost: async () =>
      image === undefined ? registryHostOf(await cloud.region()) : parseImage(image).registryHost,
  };
}

export async function findingsOf(check: Check, context: CheckContext): Promise<Finding[]> {
  return [await check(context)].flat().filter((found) => found !== undefined);
}

/** The name of the finding that reports this error; its code if no finding does. */
export function causeOf(error: unknown): string {
  const code = codeOf(error);
  return findingOfCode(code) ?? code;
}
