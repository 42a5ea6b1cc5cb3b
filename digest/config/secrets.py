"""What of a configuration may stand in no log."""

from __future__ import annotations

from pydantic import SecretStr

from digest.config.schema import Settings


def secrets_of(settings: Settings) -> list[str]:
    """Passwords, keys and addresses that whoever knows them can use; some may be empty."""
    tables = (*settings.smtp, settings.inbox, settings.web)
    secrets = [t.password.get_secret_value() for t in tables if t]
    secrets.append(settings.store.address.get_secret_value())
    secrets += [
        key.get_secret_value()
        for key in (getattr(settings.keys, name) for name in type(settings.keys).model_fields)
    ]
    secrets += [v.get_secret_value() for _, v in settings.reports if isinstance(v, SecretStr)]
    if settings.oauth:
        secrets.append(settings.oauth.client_secret.get_secret_value())
    if settings.channel:
        values = dict(settings.channel).values()
        secrets += [v.get_secret_value() for v in values if isinstance(v, SecretStr)]
    secrets.append(settings.monitor.ping_url)  # whoever knows it can call everything well
    return secrets
