/** The client of the API server. Every request has a time limit, and every change is a merge patch. */
import {
  type Configuration,
  createConfiguration,
  type KubeConfig,
  PatchStrategy,
  ServerConfiguration,
} from "@kubernetes/client-node";

const MERGE_PATCH: string = PatchStrategy.MergePatch;

/** @param deadline aborts one request when its time is over. */
export function createApiClient(config: KubeConfig, deadline: () => AbortSignal): Configuration {
  return createConfiguration({
    baseServer: new ServerConfiguration(config.getCurrentCluster()?.server ?? "", {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        async pre(request) {
          request.setSignal(deadline());
          if (request.getHttpMethod() === "PATCH") request.setHeaderParam("Content-Type", MERGE_PATCH);
          return request;
        },
        post: async (response) => response,
      },
    ],
  });
}
