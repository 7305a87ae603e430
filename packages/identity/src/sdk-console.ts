/**
 * What oci-common prints with `console` goes to a callback instead: our stdout belongs to the kubelet's answer, and
 * the SDK withholds secrets by pattern only. Lines are cut, made printable, and emptied of whatever could be a token.
 *
 * The console is routed once and for good; only what is printed on behalf of the given work is taken out of it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { format } from "node:util";

export type OnSdkMessage = (line: string) => void;

const METHODS = ["debug", "error", "info", "log", "trace", "warn"] as const;
const LONGEST_LINE = 300;

const listener = new AsyncLocalStorage<OnSdkMessage>();
const routes = new WeakSet<object>();

export function captureSdkConsole<T>(onMessage: OnSdkMessage, work: () => Promise<T>): Promise<T> {
  for (const method of METHODS) route(globalThis.console, method);
  return listener.run(onMessage, work);
}

function route(target: Console, method: (typeof METHODS)[number]): void {
  const print = target[method];
  if (routes.has(print)) return;
  const routed = (...values: unknown[]): void => {
    const onMessage = listener.getStore();
    if (onMessage === undefined) print.apply(target, values);
    // Outside of the work again: a listener that prints must not hear itself.
    else listener.exit(() => onMessage(printable(format(...values))));
  };
  routes.add(routed);
  target[method] = routed;
}

/** PEM blocks, and every run of 40 characters of base64, base64url or hexadecimal: a token, a signature, an OCID. */
export function printable(text: string): string {
  return text
    .replace(/-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)/g, "[withheld]")
    .replace(/[A-Za-z0-9+/_=.$-]{40,}/g, "[withheld]")
    .replace(/[^\x20-\x7e]+/g, " ")
    .slice(0, LONGEST_LINE)
    .trim();
}
