// Serves what Argo CD does with a chart of an Application: /?repo=HOST/PATH&chart=NAME&version=V. The credentials come from Argo
// CD's database of the namespace argocd, the chart from its Helm client, as in its repository server. One process, so its cache of
// Secrets lasts.
package main

import (
	"context"
	"encoding/json"
	"log"
	"math"
	"net/http"
	"os"

	"github.com/argoproj/argo-cd/v3/util/db"
	"github.com/argoproj/argo-cd/v3/util/helm"
	"github.com/argoproj/argo-cd/v3/util/settings"
	client "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const namespace = "argocd"

type result struct {
	Username string   `json:"username"`
	Password string   `json:"password"`
	Versions []string `json:"versions"`
	// Of the pull.
	Error string `json:"error"`
	// Logins that the charts in a chart's dependencies could use.
	Dependencies int `json:"dependencies"`
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		log.Fatal(err)
	}
	clients, err := client.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}
	manager := settings.NewSettingsManager(context.Background(), clients, namespace)
	database := db.NewDB(namespace, manager, clients)
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		query := request.URL.Query()
		found, err := pull(request.Context(), database, query.Get("repo"), query.Get("chart"), query.Get("version"))
		if err != nil {
			found.Error = err.Error()
		}
		json.NewEncoder(response).Encode(found)
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}

func pull(ctx context.Context, database db.ArgoDB, url, chart, version string) (result, error) {
	repository, err := database.GetRepository(ctx, url, "")
	if err != nil {
		return result{}, err
	}
	found := result{Username: repository.Username, Password: repository.Password}
	logins, err := database.GetAllHelmRepositoryCredentials(ctx)
	if err != nil {
		return found, err
	}
	found.Dependencies = len(logins)
	isOCI := repository.EnableOCI || helm.IsHelmOciRepo(repository.Repo)
	helmClient := helm.NewClient(repository.Repo, repository.GetHelmCreds(), isOCI, "", "")
	if found.Versions, err = helmClient.GetTags(ctx, chart, true); err != nil {
		return found, err
	}
	_, closer, err := helmClient.ExtractChart(ctx, chart, version, false, math.MaxInt64, true)
	if err != nil {
		return found, err
	}
	return found, closer.Close()
}
