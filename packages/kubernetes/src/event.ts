/** An Event about an object, as clients see it in `kubectl describe`. */
const COMPONENT = "ocir-broker";
/** Characters; the API server refuses more. */
const LONGEST_MESSAGE = 1_024;

export interface EventFields {
  /** The Event's own namespace; Events about an object without a namespace are in `default`. */
  readonly namespace: string;
  readonly object: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace?: string;
    readonly name: string;
    readonly uid: string;
  };
  readonly type: "Normal" | "Warning";
  /** One word in camel case. */
  readonly reason: string;
  readonly message: string;
  /** The pod that reports it. */
  readonly pod: string;
  readonly host?: string;
  readonly wallMs: number;
}

export function newEvent({ namespace, object, type, reason, message, pod, host, wallMs }: EventFields): object {
  const now = new Date(wallMs);
  return {
    metadata: { generateName: `${object.name}.`, namespace },
    involvedObject: object,
    type,
    reason,
    message: message.slice(0, LONGEST_MESSAGE),
    source: { component: COMPONENT, ...(host !== undefined && { host }) },
    reportingComponent: COMPONENT,
    reportingInstance: pod,
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
}
