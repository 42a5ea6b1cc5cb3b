"""Reading config.toml, .env and the environment into checked settings."""

from digest.config.load import (
    EXAMPLE,
    check_subscriber,
    environment,
    find_config,
    load_settings,
    load_text,
    readable_secrets,
)
from digest.config.schema import (
    LIBRARY_SUFFIXES,
    AuthorLikes,
    FileLikes,
    InlinePaper,
    OpmlSettings,
    RecommendedLikes,
    Settings,
    SubscriberSettings,
    ZoteroLikes,
    is_library,
)

__all__ = [
    "EXAMPLE",
    "LIBRARY_SUFFIXES",
    "AuthorLikes",
    "FileLikes",
    "InlinePaper",
    "OpmlSettings",
    "RecommendedLikes",
    "Settings",
    "SubscriberSettings",
    "ZoteroLikes",
    "check_subscriber",
    "environment",
    "find_config",
    "is_library",
    "load_settings",
    "load_text",
    "readable_secrets",
]
