"""Reading config.toml, .env and the environment into checked settings."""

from digest.config.load import (
    EXAMPLE,
    LIBRARY_SUFFIXES,
    check_subscriber,
    environment,
    find_config,
    is_library,
    load_settings,
    load_text,
    readable_secrets,
)
from digest.config.schema import (
    AuthorLikes,
    FileLikes,
    InlinePaper,
    OpmlSettings,
    RecommendedLikes,
    Settings,
    SubscriberSettings,
    ZoteroLikes,
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
