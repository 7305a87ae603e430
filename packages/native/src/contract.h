/* Generated from packages/protocol/src/contract.ts by `npm run docs`. */
#pragma once

/* Initialises an array of strings. */
#define API_VERSIONS \
  {"credentialprovider.kubelet.k8s.io/v1", \
   "credentialprovider.kubelet.k8s.io/v1beta1", \
   "credentialprovider.kubelet.k8s.io/v1alpha1"}
#define PLUGIN_NAME "credential-provider-oke"
#define SERVICE_ACCOUNT_PLUGIN_NAME "credential-provider-oke-sa"
#define DOCKER_CREDENTIAL_NAME "docker-credential-ocir"
#define CREDENTIALS_SOCKET "/run/ocir-broker/credentials.sock"
#define INSTALLED_PROGRAM "/usr/libexec/ocir-broker/current/ocir-broker"
#define DISABLED_FILE "/etc/ocir-broker/disabled"
#define CREDENTIALS_ROUTE "/v1/credentials"
#define DOCKER_CREDENTIAL_ROUTE "/v1/docker-credential"
#define MAX_REQUEST_BYTES 262144
#define MAX_RESPONSE_BYTES 65536
#define SHIM_CALL_LIMIT_TEXT "25 s"
/* Permits an anonymous pull from each of Oracle's registries, and no other. */
#define ANONYMOUS_RESPONSE \
  "{\"kind\":\"CredentialProviderResponse\",\"apiVersion\":\"credentialprovider.kubelet.k8" \
  "s.io/v1\",\"cacheKeyType\":\"Registry\",\"cacheDuration\":\"0s\",\"auth\":{\"*.ocir.io\":{\"us" \
  "ername\":\"\",\"password\":\"\"},\"ocir.*.oci.*.*\":{\"username\":\"\",\"password\":\"\"}}}"
#ifndef SHIM_CALL_MS
#define SHIM_CALL_MS 25000
#endif
