"""`clnp doctor`: is everything here that a run needs, and is what the database records really on disk?"""

import click

from orchestrator.cli.options import Settings, as_json_option


@click.command()
@click.argument("run", metavar="[RUN]", required=False)
@as_json_option
@click.pass_obj
def doctor(settings: Settings, run: str | None, as_json: bool) -> int:
    """Check this machine, the database and the stored weights, of RUN or of all runs. Exit code 0 if all is well."""
    raise NotImplementedError
