"""Conditions under which figures are taken, and their storage; shared by all comparisons."""

import datetime
import importlib.metadata
import json
import pathlib
import platform
import subprocess

THREADS = 2


def conditions(packages):
    """Day, commit, machine and versions, without which figures are meaningless."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.processor())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return f"{datetime.date.today()}, commit {commit}; {cpu}, {THREADS} threads; Python {platform.python_version()}, {versions}."


def save(folder, name, records, text):
    """Writes each record as a line of JSON, and the table, to the folder of this day and machine."""
    folder = folder or pathlib.Path("docs/performance") / f"{datetime.date.today()}-{platform.node() or 'machine'}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / f"{name}.md").write_text(text)
    print(f"stored in {folder}")
