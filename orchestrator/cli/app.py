"""The commands of ``clnp``, put together."""

import click

from orchestrator.cli import asking, driving, keeping, reading, showing
from orchestrator.cli.collecting import gc
from orchestrator.cli.doctor import doctor
from orchestrator.cli.options import Commands, Settings

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from workers.environment import code_version

        print(f"clnp {code_version()}")
        context.exit()


@click.group(cls=Commands, context_settings=HELP, no_args_is_help=False)
@click.option("--db", "url", metavar="URL", help="The database. [default: CLNP_DB_URL, or .clnp/clnp.db here]")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
              help="Show the version, with a digest of the code that computes results.")
@click.pass_context
def cli(context: click.Context, url: str | None) -> None:
    """Continual learning by neural pruning: sweep, prune, freeze, never forget.

    `clnp COMMAND -h` explains a command. Errors are two lines, what is wrong and how to mend it; exit codes are
    listed in docs/cli.md.
    """
    context.obj = Settings(url)


for _command in (driving.launch, driving.resume, driving.fork, asking.stop, asking.cancel, reading.status, reading.ls,
                 showing.show, reading.trials, reading.sql, keeping.verify, doctor, gc, keeping.rm, keeping.db):
    cli.add_command(_command)
