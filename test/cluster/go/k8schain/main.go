// Resolves credentials for images as Kyverno, policy-controller, cosign, Knative, Tekton and Crossplane do: with the pull secrets of
// a service account and those named. Prints a line for each image: user name and password, or "anonymous".
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/authn/kubernetes"
	"github.com/google/go-containerregistry/pkg/name"
	client "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	namespace := flag.String("namespace", "default", "of the account and the Secrets")
	account := flag.String("service-account", kubernetes.NoServiceAccount, "whose imagePullSecrets count")
	secrets := flag.String("secrets", "", "names of Secrets, with commas")
	flag.Parse()
	options := kubernetes.Options{Namespace: *namespace, ServiceAccountName: *account}
	if *secrets != "" {
		options.ImagePullSecrets = strings.Split(*secrets, ",")
	}
	if err := resolve(options, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func resolve(options kubernetes.Options, images []string) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	clients, err := client.NewForConfig(config)
	if err != nil {
		return err
	}
	keychain, err := kubernetes.New(context.Background(), clients, options)
	if err != nil {
		return err
	}
	for _, image := range images {
		reference, err := name.ParseReference(image)
		if err != nil {
			return err
		}
		found, err := keychain.Resolve(reference.Context())
		if err != nil {
			return err
		}
		if found == authn.Anonymous {
			fmt.Println("anonymous")
			continue
		}
		given, err := found.Authorization()
		if err != nil {
			return err
		}
		fmt.Println(given.Username, given.Password)
	}
	return nil
}
