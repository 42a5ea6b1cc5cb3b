"""Reading config.toml, .env and the environment into checked settings."""

from digest.config.load import EXAMPLE, find_config, load_settings, load_text, readable_secrets
from digest.config.schema import (
    ArxivSettings,
    FeedSettings,
    HuggingFaceSettings,
    InlinePaper,
    Settings,
    SubscriberSettings,
)

__all__ = [
    "EXAMPLE",
    "ArxivSettings",
    "FeedSettings",
    "HuggingFaceSettings",
    "InlinePaper",
    "Settings",
    "SubscriberSettings",
    "find_config",
    "load_settings",
    "load_text",
    "readable_secrets",
]
