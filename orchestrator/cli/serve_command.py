"""`clnp serve`: the HTTP service and its page."""

import click

from orchestrator.cli.options import GlobalOptions, RenamedOptions, as_json_option, check_storage
from orchestrator.jobs.jobs import JobKind
from orchestrator.render.output import say, say_json
from orchestrator.runs.location import Place

PORT = 8300
KINDS = {"process": "process", "ray": "ray-job"}
"""Values of --jobs, with the service's names for them."""


@click.command(cls=RenamedOptions, renamed={"--closed": "--require-token"})
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True,
              help="The address to listen on; any but the loopback address requires CLNP_TOKEN.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=PORT, show_default=True,
              help="The port; 0 takes a free one.")
@click.option("--name", "names", metavar="NAME", multiple=True,
              help="Another host name of the service, such as that of a proxy; may be repeated.")
@click.option("--require-token", is_flag=True, help="Require the token for reading as well, on the loopback address too.")
@click.option("--jobs", metavar="KIND", type=click.Choice(list(KINDS)), default="process", show_default=True,
              help="Where drivers run: process, on this machine; ray, as jobs on the head of a cluster.")
@click.option("--ray-dashboard", metavar="URL", envvar="RAY_API_SERVER_ADDRESS",
              help="The dashboard of that cluster, such as http://10.0.0.1:8265.")
@as_json_option
@click.pass_obj
def serve(settings: GlobalOptions, host: str, port: int, names: tuple[str, ...], require_token: bool, jobs: str,
          ray_dashboard: str | None, as_json: bool) -> None:
    """Serve runs over HTTP, and a page to watch them.

    Print the address and serve until Ctrl-C. With CLNP_TOKEN in the environment, clients that send the token can also launch,
    stop, cancel and resume runs.
    """
    check_storage()
    from orchestrator.service import settings as service
    from orchestrator.service.app import create_app
    from orchestrator.service.server import listen, run

    app = create_app(service.ServiceSettings(Place.of(settings.url), host, service.token_of_environment(), names, require_token,
                                             JobKind(KINDS[jobs]), ray_dashboard))
    with listen(host, port) as (socket, address):
        database = app.state.service.database.shown
        if as_json:
            say_json({"address": address, "database": database})
        else:
            say(f"serving {database} at {address}; Ctrl-C ends it")
        run(app, socket)
