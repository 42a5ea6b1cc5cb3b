"""Reading config.toml, .env and the environment into checked settings."""

from digest.config.likes import (
    LIBRARY_SUFFIXES,
    AuthorLikes,
    FileLikes,
    InlinePaper,
    RecommendedLikes,
    ZoteroLikes,
    is_library,
)
from digest.config.load import (
    EXAMPLE,
    check_preferences,
    environment,
    find_config,
    load_settings,
    load_text,
    readable_secrets,
)
from digest.config.schema import Settings, SubscriberSettings
from digest.config.secrets import secrets_of

__all__ = [
    "EXAMPLE",
    "LIBRARY_SUFFIXES",
    "AuthorLikes",
    "FileLikes",
    "InlinePaper",
    "RecommendedLikes",
    "Settings",
    "SubscriberSettings",
    "ZoteroLikes",
    "check_preferences",
    "environment",
    "find_config",
    "is_library",
    "load_settings",
    "load_text",
    "readable_secrets",
    "secrets_of",
]
