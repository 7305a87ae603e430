"""Prints the token that Oracle's client for Python gets, as one of the identities that the tests set up, with a scope if given."""
import os
import sys

import oci
from oci.auth.signers.token_exchange_signer import TokenExchangeSigner
from oci.container_registry import ContainerRegistryClient


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

identity, *scope = sys.argv[1:]
client = ContainerRegistryClient(oci.config.from_file(), signer=SIGNERS[identity]())
print(client.get_access_token(**({"scope": scope[0]} if scope else {})).data.token)
