/** The program's settings, from the environment that the DaemonSet's manifest and enter-node give it. */

export interface Settings {
  readonly node: string;
  readonly pod: string;
  readonly namespace: string;
  /** Of the DaemonSet's pods, as the chart and its values make them. */
  readonly revision: string;
  /** Path of the image's files in the node's mount namespace. */
  readonly image: string;
  /** How long the Lease is promised to a node; every time limit is a part of it. */
  readonly leaseSeconds: number;
  readonly kubeletRestart: "whenIdle" | "never";
  readonly mode: "install" | "remove";
  /** The audience that nodes are set up for; undefined if their pods pull with the node's identity. */
  readonly serviceAccounts: string | undefined;
  /** The broker's configuration of the nodes, as YAML; undefined: as it is. */
  readonly config: string | undefined;
}

const SHORTEST_LEASE_SECONDS = 30;

/** @throws Error with a line for the pod's log if a setting is missing or wrong. */
export function parseSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const get = (name: string): string => {
    const value = environment[`OCIR_BROKER_${name}`];
    if (value === undefined || value === "")
      throw new Error(`OCIR_BROKER_${name} is not set: apply the whole manifest`);
    return value;
  };
  const oneOf = <Choice extends string>(name: string, first: Choice, second: Choice): Choice => {
    const value = get(name);
    if (value === first || value === second) return value as Choice;
    throw new Error(`OCIR_BROKER_${name} is ${value}, but must be ${first} or ${second}`);
  };
  const seconds = get("LEASE_SECONDS");
  if (!/^\d+$/.test(seconds) || Number(seconds) < SHORTEST_LEASE_SECONDS) {
    throw new Error(
      `OCIR_BROKER_LEASE_SECONDS is ${seconds}, but must be a whole number from ${SHORTEST_LEASE_SECONDS} on`,
    );
  }
  return {
    node: get("NODE"),
    pod: get("POD"),
    namespace: get("NAMESPACE"),
    revision: get("REVISION"),
    image: get("IMAGE"),
    leaseSeconds: Number(seconds),
    kubeletRestart: oneOf("KUBELET_RESTART", "whenIdle", "never"),
    mode: oneOf("MODE", "install", "remove"),
    serviceAccounts: environment["OCIR_BROKER_SERVICE_ACCOUNTS"] || undefined,
    config: environment["OCIR_BROKER_CONFIG"] || undefined,
  };
}
