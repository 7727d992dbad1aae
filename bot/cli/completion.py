"""Command ``srtpbot completion``: what a shell needs to complete commands, options and choices."""

from __future__ import annotations

import click

from bot.cli.help import GroupedCommand

__all__ = ["command"]

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_SRTPBOT_COMPLETE"
"""click's name of the variable by which the script asks the command."""


@click.command(
    name="completion",
    cls=GroupedCommand,
    examples=(
        'eval "$(srtpbot completion bash)"                      # in ~/.bashrc',
        'eval "$(srtpbot completion zsh)"                       # in ~/.zshrc',
        "srtpbot completion fish > ~/.config/fish/completions/srtpbot.fish",
    ),
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print the script that completes commands, options and choices in SHELL."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, shell
    script = kind(context.find_root().command, {}, "srtpbot", VARIABLE)
    click.echo(script.source_template % script.source_vars())
    return 0
