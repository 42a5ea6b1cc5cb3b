"""Keys of services, which never stand in the file."""

from __future__ import annotations

from typing import Annotated

from pydantic import SecretStr

from digest.fields import FromEnvironment, Table


class ServiceKeys(Table):
    """Keys of services, from the environment alone."""

    openalex: Annotated[SecretStr, FromEnvironment("OPENALEX_API_KEY", strip=True)] = SecretStr("")
    ncbi: Annotated[SecretStr, FromEnvironment("NCBI_API_KEY", strip=True)] = SecretStr("")
    semantic_scholar: Annotated[
        SecretStr, FromEnvironment("SEMANTIC_SCHOLAR_API_KEY", strip=True)
    ] = SecretStr("")
    zotero: Annotated[SecretStr, FromEnvironment("ZOTERO_API_KEY", strip=True)] = SecretStr("")
    summary: Annotated[SecretStr, FromEnvironment("SUMMARY_API_KEY", strip=True)] = SecretStr("")

    def get(self, name: str) -> str:
        """The key of a service, or nothing."""
        found: SecretStr = getattr(self, name)
        return found.get_secret_value()
