/** The part of the dashboard file that the tests read: panels, queries, positions and colours. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const MONITORING = join(import.meta.dirname, "../../monitoring");

export interface Target {
  readonly expr: string;
  readonly legendFormat: string;
}

export interface Panel {
  readonly id: number;
  readonly type: "row" | "stat" | "timeseries";
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly Target[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly color?: { readonly mode: string };
    };
    readonly overrides: readonly {
      readonly matcher: { readonly options: string };
      readonly properties: readonly { readonly value: { readonly fixedColor: string } }[];
    }[];
  };
}

export interface Dashboard {
  readonly title: string;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly Panel[];
}

export function readDashboard(): Dashboard {
  return JSON.parse(readFileSync(join(MONITORING, "ocir-broker.dashboard.json"), "utf8")) as Dashboard;
}
