"""examples/cluster: what starts a cluster has the form that Ray, Kubernetes and Slurm ask for."""

from __future__ import annotations

import copy
import os
import re
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from curate.cli.main import _parser

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "cluster"
COMMAND = re.compile(r"curate run [^'\n]*")


def commands_of(text: str) -> list[list[str]]:
    """The `curate run` command lines of a file, their shell's words filled in."""
    joined = text.replace("\\\n", " ")
    return [
        shlex.split(each.replace('"$', "'").replace('"', "'").replace("'", ""))[1:] for each in COMMAND.findall(joined)
    ]


@pytest.mark.parametrize("name", ["aws.yaml", "gcp.yaml", "rayjob.yaml", "slurm.sh"])
def test_the_command_that_a_cluster_runs_is_one(name: str) -> None:
    found = commands_of((FOLDER / name).read_text())
    assert found
    for arguments in found:
        options = _parser().parse_args(arguments)
        assert options.address
        assert options.out


@pytest.mark.parametrize("name", ["aws.yaml", "gcp.yaml"])
def test_ray_s_launcher_takes_the_file(name: str) -> None:
    util = pytest.importorskip("ray.autoscaler._private.util")
    config: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    util.validate_config(util.prepare_config(copy.deepcopy(config)))
    types = config["available_node_types"]
    assert config["head_node_type"] in types
    assert all(each.get("min_workers", 0) <= each.get("max_workers", 0) for each in types.values())
    bad = copy.deepcopy(config) | {"max_workerz": 1}
    with pytest.raises(Exception, match="max_workerz"):  # jsonschema's error, whose package is Ray's own affair
        util.validate_config(bad)


def test_the_kubernetes_job_has_what_its_operator_asks_for() -> None:
    job = yaml.safe_load((FOLDER / "rayjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert set(job["spec"]) <= {
        "entrypoint", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "backoffLimit", "rayClusterSpec",
    }  # fmt: skip
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        assert isinstance(group["rayStartParams"], dict)
        assert all(isinstance(value, str) for value in group["rayStartParams"].values()), "KubeRay takes strings only"
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        assert container["resources"]["limits"] == container["resources"]["requests"], "Ray counts what the limits say"
        volumes = {each["name"] for each in pod["volumes"]}
        assert {each["name"] for each in container["volumeMounts"]} <= volumes
        assert all(isinstance(each["value"], str) for each in container.get("env", ()))
    assert len({group["template"]["spec"]["containers"][0]["image"] for group in groups}) == 1, (
        "the same code everywhere"
    )
    for group in cluster["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    """A folder of `srun`, `scontrol`, `ray` and `curate` that write down what they are asked, for a job of three nodes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    log = tmp_path / "asked"
    scripts = {
        "scontrol": "printf 'n1\\nn2\\nn3\\n'",
        "srun": f'while [[ "$1" == --* ]]; do [[ "$1" == --nodelist=* ]] && echo "on ${{1#*=}}" >> {log}; shift; done\n'
        'exec "$@"',
        "hostname": "echo 127.0.0.1",
        "ray": f'echo "ray $*" >> {log}; [[ "$*" == *--head* ]] && exec python3 -c '
        '"import socket, sys, time; s = socket.create_server((\'127.0.0.1\', int(sys.argv[1]))); time.sleep(20)" '
        "$(sed -n 's/.*--port=\\([0-9]*\\).*/\\1/p' <<< \"$*\"); sleep 20",
        "curate": f'echo "curate $* $CURATE_STORAGE_AT_ONCE" >> {log}; exit ${{FAILS:-0}}',
    }  # fmt: skip
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/bash\n{script}\n")
        (folder / name).chmod(stat.S_IRWXU)
    return folder


@pytest.mark.parametrize("status", [0, 3])
def test_the_slurm_job_starts_ray_on_every_node_and_ends_as_the_run_does(
    stand_ins: Path, tmp_path: Path, status: int
) -> None:
    environment = os.environ | {
        "PATH": f"{stand_ins}{os.pathsep}{os.environ['PATH']}",
        "SLURM_JOB_NODELIST": "n[1-3]",
        "SLURM_JOB_ID": str(40_000 + os.getpid() % 9_000),
        "SLURM_CPUS_PER_TASK": "32",
        "CURATE_JOIN_SECONDS": "1",
        "FAILS": str(status),
    }
    script = str(FOLDER / "slurm.sh")
    done = subprocess.run(["bash", script, "a.yaml", "/shared/run"], env=environment, capture_output=True, timeout=60)
    assert done.returncode == status, done.stderr
    asked = (tmp_path / "asked").read_text().splitlines()
    started = [each for each in asked if each.startswith("ray start")]
    (head,) = [each for each in started if "--head" in each]
    assert len(started) == 3
    assert all("--num-cpus=32" in each for each in started)
    (port,) = re.findall(r"--port=(\d+)", head)
    (ran,) = [each for each in asked if each.startswith("curate")]
    assert ran == f"curate run a.yaml --out /shared/run --address 127.0.0.1:{port} --log-file /shared/run.log 2"
    assert {"on n1", "on n2", "on n3"} <= set(asked)
    wrong = subprocess.run(["bash", script, "a.yaml"], env=environment, capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 2
    assert "usage: sbatch slurm.sh PIPELINE RUN" in wrong.stderr


def test_the_slurm_job_is_bash() -> None:
    subprocess.run(["bash", "-n", str(FOLDER / "slurm.sh")], check=True)
