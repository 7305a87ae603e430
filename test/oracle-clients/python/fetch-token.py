"""Prints the token that Oracle's SDK for Python gets from the URL as one of the identities that the tests set up."""
import os
import sys

import oci
from oci._vendor import requests
from oci.auth.signers.token_exchange_signer import TokenExchangeSigner


def session_signer():
    config = oci.config.from_file(profile_name="SESSION")
    with open(config["security_token_file"], encoding="ascii") as file:
        return oci.auth.signers.SecurityTokenSigner(
            file.read(), oci.signer.load_private_key_from_file(config["key_file"])
        )


SIGNERS = {
    "instance": lambda: oci.auth.signers.InstancePrincipalsSecurityTokenSigner(),
    "user": lambda: oci.Signer.from_config(oci.config.from_file()),
    "session": session_signer,
    "resource": lambda: oci.auth.signers.get_resource_principals_signer(),
    "workload": lambda: oci.auth.signers.get_oke_workload_identity_resource_principal_signer(),
    "domain-client": lambda: TokenExchangeSigner(
        os.environ["SUBJECT_TOKEN"],
        os.environ["DOMAIN_URL"],
        os.environ["DOMAIN_CLIENT_ID"],
        os.environ["DOMAIN_CLIENT_SECRET"],
    ),
}

identity, url = sys.argv[1:]
response = requests.get(url, auth=SIGNERS[identity](), timeout=30)
response.raise_for_status()
print(response.json()["token"])
