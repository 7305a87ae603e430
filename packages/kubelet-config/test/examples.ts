/** Configurations that others publish for their nodes, byte by byte. */

/** Each with its file or page, and the commit. The first one is of the provider that had our plugin's name before. */
export const EXAMPLES = [
  {
    source:
      "https://github.com/oracle-devrel/oke-credential-provider-for-ocir/blob/00ec8a02ea805244ab59ead61f07190808e2e48a/examples/run-on-worker-instance-principal/credential-provider-config.yaml",
    text: `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: credential-provider-oke
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages:
  - "*.ocir.io"
  defaultCacheDuration: 55m
  env:
  - name: REGISTRY_TOKEN_PATH
    value: /20180419/docker/token
  - name: DEFAULT_USER
    value: BEARER_TOKEN
  - name: REGISTRY_PROTOCOL
    value: https
  - name: OCIR_AUTH_METHOD
    value: INSTANCE_PRINCIPAL
  - name: VERIFY_TOKEN_AUTH
    value: false
`,
  },
  {
    source:
      "https://github.com/awslabs/amazon-eks-ami/blob/0fa3d92e0bb52b8f6928d8b554d91074c27a077d/files/ecr-credential-provider-config.json",
    text: `{
  "apiVersion": "kubelet.config.k8s.io/v1",
  "kind": "CredentialProviderConfig",
  "providers": [
    {
      "name": "ecr-credential-provider",
      "matchImages": [
        "*.dkr.ecr.*.amazonaws.com",
        "*.dkr.ecr.*.amazonaws.com.cn",
        "*.dkr.ecr-fips.*.amazonaws.com",
        "*.dkr.ecr.us-iso-east-1.c2s.ic.gov",
        "*.dkr.ecr.us-isob-east-1.sc2s.sgov.gov"
      ],
      "defaultCacheDuration": "12h",
      "apiVersion": "credentialprovider.kubelet.k8s.io/v1"
    }
  ]
}
`,
  },
  {
    source:
      "https://github.com/kubernetes-sigs/cloud-provider-azure/blob/06f20a8ce6e8ead02c8ab938d0e6e8f431f04fd8/examples/out-of-tree/credential-provider-config.yaml",
    text: `kind: CredentialProviderConfig
apiVersion: kubelet.config.k8s.io/v1
providers:
- name: acr-credential-provider
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  defaultCacheDuration: 10m
  matchImages:
  - "*.azurecr.io"
  - "*.azurecr.cn"
  - "*.azurecr.de"
  - "*.azurecr.us"
  - "*.*.geo.azurecr.io"
  - "*.*.geo.azurecr.cn"
  - "*.*.geo.azurecr.de"
  - "*.*.geo.azurecr.us"
  - "mcr.microsoft.com"
  args:
  - /etc/kubernetes/azure.json
  - --registry-mirror=mcr.microsoft.com:xxx.azurecr.io
`,
  },
] as const;
