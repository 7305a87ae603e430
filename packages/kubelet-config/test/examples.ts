/** Configurations that others publish for their nodes, byte by byte. */

export interface Example {
  /** The file or page, and the commit. */
  readonly source: string;
  readonly text: string;
}

export const EXAMPLES: readonly Example[] = [
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
      "https://github.com/awslabs/amazon-eks-ami/blob/3239a3d487e7ed727e2b90d05f4c7cdb9836492a/nodeadm/test/e2e/cases/image-credential-provider/expected-image-credential-provider-config.json",
    text: `{
  "apiVersion": "kubelet.config.k8s.io/v1",
  "kind": "CredentialProviderConfig",
  "providers": [
    {
      "name": "ecr-credential-provider",
      "matchImages": [
        "*.dkr.ecr.*.amazonaws.com",
        "*.dkr-ecr.*.on.aws",
        "*.dkr.ecr.*.amazonaws.com.cn",
        "*.dkr-ecr.*.on.amazonwebservices.com.cn",
        "*.dkr.ecr-fips.*.amazonaws.com",
        "*.dkr-ecr-fips.*.on.aws",
        "*.dkr.ecr.*.c2s.ic.gov",
        "*.dkr.ecr.*.sc2s.sgov.gov",
        "*.dkr.ecr.*.cloud.adc-e.uk",
        "*.dkr.ecr.*.csp.hci.ic.gov",
        "*.dkr.ecr.*.amazonaws.eu",
        "public.ecr.aws"
      ],
      "defaultCacheDuration": "12h0m0s",
      "apiVersion": "credentialprovider.kubelet.k8s.io/v1"
    }
  ]
}`,
  },
  {
    source:
      "https://github.com/kubernetes/cloud-provider-gcp/blob/4665af94c9085874d9f3a34fabfccdea12950f3a/cluster/gce/manifests/cri-auth-config.yaml",
    text: `kind: CredentialProviderConfig
apiVersion: kubelet.config.k8s.io/v1
providers:
  - name: auth-provider-gcp
    matchImages:
      - "container.cloud.google.com"
      - "gcr.io"
      - "*.gcr.io"
      - "*.pkg.dev"
    defaultCacheDuration: "1m"
    args:
      - get-credentials
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
  {
    source:
      "https://github.com/kubernetes/website/blob/1410d6f8342f463b56efc7b1081a8d1ae28590c5/content/en/docs/tasks/administer-cluster/kubelet-credential-provider.md",
    text: `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
# providers is a list of credential provider helper plugins that will be enabled by the kubelet.
# Multiple providers may match against a single image, in which case credentials
# from all providers will be returned to the kubelet. If multiple providers are called
# for a single image, the results are combined. If providers return overlapping
# auth keys, the value from the provider earlier in this list is used.
providers:
  # name is the required name of the credential provider. It must match the name of the
  # provider executable as seen by the kubelet. The executable must be in the kubelet's
  # bin directory (set by the --image-credential-provider-bin-dir flag).
  - name: ecr
    # matchImages is a required list of strings used to match against images in order to
    # determine if this provider should be invoked. If one of the strings matches the
    # requested image from the kubelet, the plugin will be invoked and given a chance
    # to provide credentials. Images are expected to contain the registry domain
    # and URL path.
    #
    # Each entry in matchImages is a pattern which can optionally contain a port and a path.
    # Globs can be used in the domain, but not in the port or the path. Globs are supported
    # as subdomains like '*.k8s.io' or 'k8s.*.io', and top-level-domains such as 'k8s.*'.
    # Matching partial subdomains like 'app*.k8s.io' is also supported. Each glob can only match
    # a single subdomain segment, so \`*.io\` does **not** match \`*.k8s.io\`.
    #
    # A match exists between an image and a matchImage when all of the below are true:
    # - Both contain the same number of domain parts and each part matches.
    # - The URL path of an imageMatch must be a prefix of the target image URL path.
    # - If the imageMatch contains a port, then the port must match in the image as well.
    #
    # Example values of matchImages:
    # - 123456789.dkr.ecr.us-east-1.amazonaws.com
    # - *.azurecr.io
    # - gcr.io
    # - *.*.registry.io
    # - registry.io:8080/path
    matchImages:
      - "*.dkr.ecr.*.amazonaws.com"
      - "*.dkr.ecr.*.amazonaws.cn"
      - "*.dkr.ecr-fips.*.amazonaws.com"
      - "*.dkr.ecr.us-iso-east-1.c2s.ic.gov"
      - "*.dkr.ecr.us-isob-east-1.sc2s.sgov.gov"
    # defaultCacheDuration is the default duration the plugin will cache credentials in-memory
    # if a cache duration is not provided in the plugin response. This field is required.
    defaultCacheDuration: "12h"
    # Required input version of the exec CredentialProviderRequest. The returned CredentialProviderResponse
    # MUST use the same encoding version as the input. Current supported values are:
    # - credentialprovider.kubelet.k8s.io/v1
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    # Arguments to pass to the command when executing it.
    # +optional
    args:
      - get-credentials
    # Env defines additional environment variables to expose to the process. These
    # are unioned with the host's environment, as well as variables client-go uses
    # to pass argument to the plugin.
    # +optional
    env:
      - name: AWS_PROFILE
        value: example_profile
`,
  },
  {
    source:
      "https://github.com/jfrog/jfrog-credentials-provider/blob/86dadf2a35ba7f669720bb6f830fbdf180c07893/examples/combined_config_example.json",
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
        "*.dkr.ecr.*.c2s.ic.gov",
        "*.dkr.ecr.*.sc2s.sgov.gov",
        "*.dkr.ecr.*.cloud.adc-e.uk",
        "*.dkr.ecr.*.csp.hci.ic.gov"
      ],
      "defaultCacheDuration": "12h",
      "apiVersion": "credentialprovider.kubelet.k8s.io/v1"
    },
    {
      "name": "jfrog-credential-provider",
      "matchImages": [
        "*.jfrog.io"
      ],
      "defaultCacheDuration": "5m",
      "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
      "env": [
        {
          "name": "artifactory_url",
          "value": "eldada.jfrog.io"
        },
        {
          "name": "aws_role_name",
          "value": "node-group-1-eks-node-group-20241208081825853100000001"
        }
      ]
    }
  ]
}
`,
  },
];
