// Prints the token that Oracle's client for Go gets, as one of the identities that the tests set up, with a scope if given.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/common/auth"
	"github.com/oracle/oci-go-sdk/v65/containerregistry"
)

func main() {
	token, err := fetchToken(os.Args[1], os.Args[2:])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token)
}

func fetchToken(identity string, scope []string) (string, error) {
	provider, err := providerOf(identity)
	if err != nil {
		return "", err
	}
	client, err := containerregistry.NewContainerRegistryClientWithConfigurationProvider(provider)
	if err != nil {
		return "", err
	}
	var request containerregistry.GetAccessTokenRequest
	if len(scope) > 0 {
		request.Scope = &scope[0]
	}
	response, err := client.GetAccessToken(context.Background(), request)
	if err != nil {
		return "", err
	}
	return *response.Token, nil
}

// The default provider looks into the home of the user database, whatever HOME is.
func providerOf(identity string) (common.ConfigurationProvider, error) {
	file := filepath.Join(os.Getenv("HOME"), ".oci/config")
	switch identity {
	case "instance":
		return auth.InstancePrincipalConfigurationProvider()
	case "resource":
		return auth.ResourcePrincipalConfigurationProvider()
	case "workload":
		return auth.OkeWorkloadIdentityConfigurationProvider()
	case "domain-client":
		return exchangeProvider(auth.TokenExchangeBuilder{
			ClientId:     os.Getenv("DOMAIN_CLIENT_ID"),
			ClientSecret: os.Getenv("DOMAIN_CLIENT_SECRET"),
		})
	case "domain-instance":
		instance, err := auth.InstancePrincipalConfigurationProvider()
		if err != nil {
			return nil, err
		}
		return exchangeProvider(auth.TokenExchangeBuilder{InstancePrincipalProvider: instance})
	case "session":
		return common.ConfigurationProviderForSessionTokenWithProfile(file, "SESSION", "")
	default:
		return common.ConfigurationProviderFromFile(file, "")
	}
}

// Completes a builder that only has the caller's credentials.
func exchangeProvider(builder auth.TokenExchangeBuilder) (common.ConfigurationProvider, error) {
	builder.DomainUrl = os.Getenv("DOMAIN_URL")
	builder.Region = "us-ashburn-1"
	builder.RequestedTokenType = "urn:oci:token-type:oci-upst"
	builder.SubjectTokenType = "jwt"
	return auth.TokenExchangeConfigurationProviderFromToken(os.Getenv("SUBJECT_TOKEN"), builder)
}
