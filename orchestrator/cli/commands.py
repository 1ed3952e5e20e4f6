"""The group of all ``clnp`` commands, which are imported lazily."""

from importlib import import_module

import click

from orchestrator.cli.options import Commands, GlobalOptions

MODULES = {
    "launch": "launch_commands", "resume": "launch_commands", "fork": "launch_commands",
    "stop": "control_commands", "cancel": "control_commands",
    "status": "status_commands", "ls": "status_commands", "show": "show_command", "logs": "logs",
    "trials": "status_commands", "sql": "status_commands", "mirror": "export_commands",
    "what-if": "what_if_command", "compare": "compare_command", "reproduce": "reproduce_command",
    "verify": "maintenance_commands", "report": "export_commands", "export": "export_commands",
    "doctor": "doctor", "gc": "maintenance_commands", "rm": "maintenance_commands", "db": "maintenance_commands",
    "serve": "serve_command"}
"""The module of every command, in the order of the help."""

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from workers.environment import code_version

        print(f"clnp {code_version()}")
        context.exit()


class AllCommands(Commands):
    """The commands of :data:`MODULES`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        command: click.Command = getattr(import_module(f"orchestrator.cli.{MODULES[cmd_name]}"), cmd_name.replace("-", "_"))
        return command


@click.group(cls=AllCommands, context_settings=HELP, no_args_is_help=False)
@click.option("--db", "url", metavar="URL", help="The database. [default: CLNP_DB_URL, or .clnp/clnp.db here]")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
              help="Show the version, with a digest of the code that computes results.")
@click.pass_context
def cli(context: click.Context, url: str | None) -> None:
    """Continual learning by neural pruning: sweep, prune, freeze, never forget.

    `clnp COMMAND -h` explains a command. Errors are two lines, what is wrong and how to fix it; exit codes are
    listed in docs/cli.md.
    """
    context.obj = GlobalOptions(url)
