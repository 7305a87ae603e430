/* Another provider, compiled: a script's interpreter would read the path after it has become ours. */
#include <stdio.h>

int main(void) {
  while (getchar() != EOF) {
  }
  puts("{\"kind\":\"CredentialProviderResponse\",\"apiVersion\":\"credentialprovider.kubelet.k8s.io/v1\","
       "\"cacheKeyType\":\"Registry\",\"cacheDuration\":\"0s\",\"auth\":{\"us-ashburn-1.ocir.io\":"
       "{\"username\":\"BEARER_TOKEN\",\"password\":\"the earlier provider's\"}}}");
  return 0;
}
