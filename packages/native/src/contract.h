/* Generated from packages/protocol/src/contract.ts by `npm run docs`. */
#ifndef OCIR_BROKER_CONTRACT_H
#define OCIR_BROKER_CONTRACT_H

/* An initialiser of an array of strings. */
#define API_VERSIONS {"credentialprovider.kubelet.k8s.io/v1", "credentialprovider.kubelet.k8s.io/v1beta1", "credentialprovider.kubelet.k8s.io/v1alpha1"}
#define PROVIDER_NAME "credential-provider-oke"
#define DOCKER_CREDENTIAL_NAME "docker-credential-ocir"
#define CREDENTIALS_SOCKET "/run/ocir-broker/credentials.sock"
#define FALLBACK_LOCK_NAME "fallback.lock"
#define FALLBACK_SOCKET_NAME "fallback.sock"
#define BROKER_PROGRAM "/usr/local/bin/ocir-broker"
#define CREDENTIALS_ROUTE "/v1/credentials"
#define DOCKER_CREDENTIAL_ROUTE "/v1/docker-credential"
#define MAX_REQUEST_BYTES 262144
#define MAX_RESPONSE_BYTES 65536
#define SHIM_DAEMON_LIMIT_TEXT "20 s"
#ifndef SHIM_DAEMON_MS
#define SHIM_DAEMON_MS 20000
#endif
#ifndef SHIM_TOTAL_MS
#define SHIM_TOTAL_MS 44000
#endif
#ifndef SHIM_SHORTEST_TURN_MS
#define SHIM_SHORTEST_TURN_MS 10000
#endif

#endif
