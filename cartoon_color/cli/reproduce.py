"""`reproduce`: a whole study, through Snakemake."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, TextIO

import typer

from cartoon_color.cli.shared import print_out, say
from cartoon_color.errors import InputError, MissingExtraError, OutputError, SettingsError

_CHECKOUT = Path(__file__).parents[2] / "pipelines"


def reproduce(
    study: Annotated[
        str, typer.Argument(help="rumcajs, sindbad, toyshow, or the configuration (.yaml) of another study.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for everything that the study makes.", show_default=False)],
    films: Annotated[
        Path | None, typer.Option(help="Folder with the manifest's films. [default: the configuration's]")
    ] = None,
    cores: Annotated[int | None, typer.Option(help="Cores to use. [default: all]", min=1, show_default=False)] = None,
    pipelines: Annotated[
        Path, typer.Option(help="The folder pipelines/ of the repository.", show_default="beside the package")
    ] = _CHECKOUT,
) -> None:
    """Reproduce a study: extract, train each variant, color, evaluate, and report. Goes on where it was stopped.

    Example:

        cartoon-color reproduce toyshow --out studies/toyshow
    """
    if find_spec("snakemake") is None:
        raise MissingExtraError(
            "studies need Snakemake, which is not installed; pip install 'cartoon-color[pipelines]'"
        )
    import yaml

    from cartoon_color.study import read_study

    snakefile = pipelines / "Snakefile"
    if not snakefile.is_file():
        raise InputError(f"there is no {snakefile}; clone the repository, and give its folder with --pipelines")
    configuration = Path(study) if study.endswith((".yaml", ".yml")) else pipelines / study / "config.yaml"
    try:
        content = yaml.safe_load(configuration.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(sorted(path.parent.name for path in pipelines.glob("*/config.yaml")))
        raise InputError(
            f"the configuration {configuration} can't be read ({error.strerror}); "
            f"give the path of one, or a study of {pipelines}: {known}"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"the configuration {configuration} is not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise SettingsError(f"the configuration {configuration} must be a table of settings")
    given = {} if films is None else {"films": str(films.resolve())}
    asked = read_study(content | given, configuration.parent)
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile.resolve())]
    words += ["--configfile", str(configuration.resolve()), "--directory", str(out.resolve())]
    words += ["--cores", "all" if cores is None else str(cores), "--rerun-incomplete", "--nolock"]
    words += ["--quiet", "host", "reason"]
    if Path("/dev/nvidiactl").exists() and "SNAKEMAKE_PROFILE" not in os.environ:
        words += ["--resources", "gpu=1"]  # networks take turns on the graphics card
    words += ["--config", *(f"{key}={value}" for key, value in given.items())] if given else []
    code = _run(words, out)
    if code:
        say("The study stopped for what stands above. Given again, the same command goes on from there.")
        raise typer.Exit(1)
    for episode in asked.show.of_role("test"):
        print_out(str(out / "evaluation" / episode.name / "report.html"))


def _run(words: list[str], out: Path) -> int:
    """Run Snakemake to its end, and end it with all of its jobs if this process is stopped; its exit code."""
    # The commands of the rules are those of this installation.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

    def heed_interrupts() -> None:
        # A shell's background ignores them, and so would Snakemake; at other signals it waits for its jobs.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with (
        _jobs(out) as jobs,
        subprocess.Popen(
            words,
            stdin=jobs,
            start_new_session=True,
            env={**os.environ, "PATH": path},
            preexec_fn=heed_interrupts,
        ) as process,
    ):
        jobs.write(str(process.pid))
        jobs.flush()
        try:
            return process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGINT)
            raise


@contextmanager
def _jobs(out: Path) -> Iterator[TextIO]:
    """A file that stays locked while any process runs that has it as its stdin, inherited from the first.

    Whatever a killed run has left running is ended. A lock is the only sure sign of life: process numbers get reused.
    """
    from fcntl import LOCK_EX, LOCK_NB, flock

    with ExitStack() as stack:
        try:
            out.mkdir(parents=True, exist_ok=True)
            own, jobs = (stack.enter_context((out / name).open("a+")) for name in (".reproduce", ".jobs"))
        except OSError as error:
            raise OutputError(f"nothing can be written to {out} ({error.strerror}); choose another --out") from None
        try:
            flock(own, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"{out} is in use by another run; wait for its end, or choose another --out") from None
        try:
            flock(jobs, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            jobs.seek(0)
            with suppress(ProcessLookupError):
                os.killpg(int(jobs.read()), signal.SIGINT)
            flock(jobs, LOCK_EX)
        jobs.truncate(0)
        yield jobs
