module ocir-broker/test/bench/peer

go 1.26.0

require github.com/devrocks/credential-provider-oke v0.1.1

require (
	github.com/gofrs/flock v0.12.1 // indirect
	github.com/oracle/oci-go-sdk v24.3.0+incompatible // indirect
	golang.org/x/sys v0.22.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/devrocks/credential-provider-oke => github.com/oracle-devrel/oke-credential-provider-for-ocir v0.1.1
