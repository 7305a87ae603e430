// The kubelet's own code as an oracle. Each line of stdin is a base64 text of one case; each line of stdout is its verdict
// as JSON. With the argument "configurations" a case is a CredentialProviderConfig, registered as the kubelet does it at
// its start; with "responses" it is what a plugin prints, obtained as the kubelet does it for a pull.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	_ "unsafe" // for go:linkname

	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/plugin"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
)

// A process registers its plugins once. Its list of names is emptied here so that it can do so for the next case.
//
//go:linkname seenProviderNames k8s.io/kubernetes/pkg/credentialprovider/plugin.seenProviderNames
var seenProviderNames sets.String

// The registered plugins; only its length is changed.
//
//go:linkname providers k8s.io/kubernetes/pkg/credentialprovider/plugin.providers
var providers []struct {
	name string
	impl *byte
}

//go:linkname readCredentialProviderConfig k8s.io/kubernetes/pkg/credentialprovider/plugin.readCredentialProviderConfig
func readCredentialProviderConfig(path string) (*kubeletconfig.CredentialProviderConfig, string, error)

type verdict struct {
	Error   string                                  `json:"error,omitempty"`
	Decoded *kubeletconfig.CredentialProviderConfig `json:"decoded,omitempty"`
	Auth    []credentialprovider.AuthConfig         `json:"auth,omitempty"`
}

const image = "iad.ocir.io/acme/web"

const catConfig = `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: cat
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages: ["*.ocir.io"]
  defaultCacheDuration: 0s
  args: [%q]
`

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: oracle configurations|responses DIRECTORY (its bin holds the programs that configurations name)")
	}
	kind, directory := os.Args[1], os.Args[2]
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	judge := judgeConfiguration
	if kind == "responses" {
		judge = judgeResponse
	}
	for lines.Scan() {
		text, err := base64.StdEncoding.DecodeString(lines.Text())
		if err == nil {
			err = out.Encode(judge(directory, text))
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

func judgeConfiguration(directory string, text []byte) verdict {
	path := write(directory, "config", text)
	decoded, _, err := readCredentialProviderConfig(path)
	if err == nil {
		err = register(path, directory)
	}
	if err != nil {
		return verdict{Error: err.Error(), Decoded: decoded}
	}
	return verdict{Decoded: decoded}
}

func judgeResponse(directory string, text []byte) verdict {
	config := fmt.Sprintf(catConfig, write(directory, "response", text))
	if err := register(write(directory, "config", []byte(config)), directory); err != nil {
		log.Fatal(err)
	}
	// The kubelet says only in its log that a response was refused. It also logs keys that it leaves out.
	var refused string
	klog.SetLogger(funcr.New(func(_, line string) {
		if !strings.Contains(line, "in dockercfg invalid") {
			refused = line
		}
	}, funcr.Options{}))
	found, _ := plugin.NewExternalCredentialProviderDockerKeyring("", "", "", "").Lookup(image)
	if refused != "" {
		return verdict{Error: refused}
	}
	auth := make([]credentialprovider.AuthConfig, 0, len(found))
	for _, credentials := range found {
		auth = append(auth, credentials.AuthConfig)
	}
	return verdict{Auth: auth}
}

func register(config, directory string) error {
	seenProviderNames = sets.NewString()
	providers = providers[:0]
	return plugin.RegisterCredentialProviderPlugins(config, filepath.Join(directory, "bin"), nil, nil)
}

func write(directory, name string, text []byte) string {
	path := filepath.Join(directory, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		log.Fatal(err)
	}
	return path
}
