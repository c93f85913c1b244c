"""Reads and runs the samples of the providers' pages."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
BROWSER = str(FOLDER / "browser.cjs")
PROGRAMS = {
    ".py": [sys.executable],
    ".js": ["node", "--require", BROWSER],
    ".php": ["php"],
    ".sh": ["bash"],
}


def read(name, replaced):
    """A sample in which each of the texts that must be there is replaced by another."""
    text = (FOLDER / "samples" / name).read_text("utf8")
    for before, after in replaced.items():
        assert before in text, f"{name} has no {before}"
        text = text.replace(before, after)
    return text


def run(name, text):
    """Runs the text of a sample and returns all that it prints."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_text(text, "utf8")
        command = [*PROGRAMS[file.suffix], str(file)]
        # No proxy: the gateway is here, and `curl` would ask one that the environment names.
        environment = {**os.environ, "no_proxy": "*"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=environment, check=False
        )
    # `curl` draws how far it is where errors go.
    return done.stdout if file.suffix == ".sh" else done.stdout + done.stderr
