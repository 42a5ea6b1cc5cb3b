"""The command `mcp`: one's papers for a program that speaks the Model Context Protocol."""

from __future__ import annotations

from digest.cli.shared import (
    ConfigOption,
    SubscriberOption,
    app,
    only_subscriber,
    open_app,
    tells_errors,
)


@app.command()
@tells_errors
def mcp(subscriber: SubscriberOption = "", config: ConfigOption = None) -> None:
    """Let an assistant search your papers, read your editions and rate, by MCP.

    It speaks on standard input and output; the assistant starts it.
    """
    from digest import jobs
    from digest.mcp_server import mcp_server

    with open_app(config) as application:
        reader = jobs.subscriber(application, only_subscriber(application, subscriber))
        mcp_server(application, reader).run()
