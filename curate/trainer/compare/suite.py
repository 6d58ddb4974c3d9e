"""What proxies are measured by, made ready: texts that are in no mix, and the tasks that are made from them.

Where a file names no texts, they are what the mixes' runs hold back from training. Knows shards and texts; trains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from curate.storage import digest_file
from curate.trainer.compare.settings import Evaluation
from curate.trainer.evaluate.held_back import write_held_back
from curate.trainer.evaluate.own_tasks import OWN, write_tasks
from curate.trainer.evaluate.rows import read_texts
from curate.trainer.evaluate.tasks import task_path
from curate.trainer.evaluate.validation_set import Domain, choose_texts


@dataclass(frozen=True)
class Suite:
    """Domains of texts, and each task's folder; what a reader must know of them as `notes`."""

    domains: tuple[Domain, ...]
    tasks: Mapping[str, str]
    notes: tuple[str, ...]

    def digests(self) -> dict[str, str]:
        """SHA-256 of each task's files, by the task's name: another file is another measurement."""
        found = {}
        for name, folder in self.tasks.items():
            for key, shots in ((f"task.{name}", False), (f"task.{name}.shots", True)):
                path = task_path(name, folder, shots=shots)
                if path.exists():
                    found[key] = digest_file(path)
        return found


def prepare(evaluation: Evaluation, mixes: Mapping[str, str], out: Path) -> Suite:
    """The validation set of these mixes; `out` gets `texts/` where they hold it back, and `tasks/` made from it.

    Raises ConfigError where too few texts are left, FileNotFoundError.
    """
    held_back = not evaluation.texts
    files = evaluation.texts or write_held_back(mixes.values(), out / "texts", evaluation.limit)
    domains = choose_texts(files, mixes, evaluation.overlap, evaluation.limit, held_back=held_back)
    notes = [
        f"{domain.name}: documents that the mixes' runs hold back from training." for domain in domains if held_back
    ]
    short = [name for name in files if name not in {domain.name for domain in domains}]
    if short:
        notes.append(f"Left out, for want of two texts that no mix holds: {', '.join(short)}.")
    tasks = {name: evaluation.folder for name in evaluation.tasks if name not in OWN}
    wanted = [name for name in evaluation.tasks if name in OWN]
    if wanted:
        texts = {domain.name: [read_texts(domain.path)[item] for item in domain.items] for domain in domains}
        made = write_tasks(texts, out / "tasks")
        tasks |= {name: str(out / "tasks") for name in wanted if name in made}
        notes += [f"{name} is left out: no item can be made from these texts." for name in wanted if name not in made]
    return Suite(domains, {name: tasks[name] for name in evaluation.tasks if name in tasks}, tuple(notes))
