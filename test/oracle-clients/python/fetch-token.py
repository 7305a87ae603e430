"""Prints the token that Oracle's SDK for Python gets from the URL, as an instance principal or with ~/.oci/config."""
import sys

import oci
from oci._vendor import requests

identity, url = sys.argv[1:]
if identity == "instance":
    signer = oci.auth.signers.InstancePrincipalsSecurityTokenSigner()
else:
    signer = oci.Signer.from_config(oci.config.from_file())
response = requests.get(url, auth=signer, timeout=30)
response.raise_for_status()
print(response.json()["token"])
