/** The program's settings, from the environment that the DaemonSet's manifest and enter-node give it. */
import { createPodSettings } from "@ocir-broker/kubernetes/pod-settings";

export type Settings = ReturnType<typeof parseSettings>;

const SHORTEST_LEASE_SECONDS = 30;

/** @throws Error with a line for the pod's log if a setting is missing or wrong. */
export function parseSettings(environment: NodeJS.ProcessEnv) {
  const { needed, oneOf } = createPodSettings(environment, "apply the whole manifest");
  const seconds = needed("OCIR_BROKER_LEASE_SECONDS");
  const leaseSeconds = Number(seconds);
  if (!Number.isInteger(leaseSeconds) || leaseSeconds < SHORTEST_LEASE_SECONDS) {
    throw new Error(
      `OCIR_BROKER_LEASE_SECONDS is ${seconds}, but must be a whole number from ${SHORTEST_LEASE_SECONDS} on`,
    );
  }
  return {
    node: needed("OCIR_BROKER_NODE"),
    pod: needed("OCIR_BROKER_POD"),
    namespace: needed("OCIR_BROKER_NAMESPACE"),
    /** Of the DaemonSet's pods, as the chart and its values make them. */
    revision: needed("OCIR_BROKER_REVISION"),
    /** Path of the image's files in the node's mount namespace. */
    image: needed("OCIR_BROKER_IMAGE"),
    /** How long the Lease is promised to a node; every time limit is a part of it. */
    leaseSeconds,
    mayRestart: oneOf("OCIR_BROKER_KUBELET_RESTART", "oneByOne", "never") === "oneByOne",
    mode: oneOf("OCIR_BROKER_MODE", "install", "remove"),
    /** The audience that nodes are set up for; undefined leaves their settings unchanged: pods pull with the node's identity. */
    serviceAccounts: environment["OCIR_BROKER_SERVICE_ACCOUNTS"] || undefined,
    /** The broker's configuration of the nodes, as YAML; without any setting, they get their own back; undefined: as it is. */
    config: environment["OCIR_BROKER_CONFIG"] || undefined,
  };
}
