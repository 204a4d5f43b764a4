"""`seatrial check` beside the tools that a user would run instead, on the same files in one run.

    python bench/check_speed.py [FOLDER] [--manifests N]     default: the reference deployment, 1000 manifests

Prints seconds and peak memory (MB) of each as a whole process, median of five, and the ratios. Tools that are not on
the path are named and left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "fixtures" / "insitechart"
TIMES = 5
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web-{n}, namespace: shop}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web-{n}}}}}
  template:
    metadata: {{labels: {{app: web-{n}}}}}
    spec:
      containers:
        - name: web
          image: example/web:{n}.0.0
          ports: [{{name: http, containerPort: 8080}}]
          resources: {{requests: {{cpu: 100m, memory: 64Mi}}, limits: {{cpu: 200m, memory: 128Mi}}}}
          readinessProbe: {{httpGet: {{path: /ready, port: http}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web-{n}, namespace: shop}}
spec:
  selector: {{app: web-{n}}}
  ports: [{{port: 80, targetPort: http}}]
"""


def measured(command, folder):
    """Median seconds and largest peak memory in MB of a command, run as a process of its own."""
    seconds, peaks = [], []
    for _ in range(TIMES):
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        seconds.append(time.monotonic() - began)
        peaks.append(usage.ru_maxrss / 1000)
    return statistics.median(seconds), max(peaks)


def tools(folder):
    """The tools that a user would run, each on the files that it is for."""

    def files(*patterns):
        return [
            str(path.relative_to(folder))
            for pattern in patterns
            for path in sorted(folder.rglob(pattern))
            if path.is_file()
        ]

    manifests = files("k8s/**/*.yaml", "web-*.yaml")
    wanted = {
        "hadolint": ["hadolint", *files("Dockerfile")],
        "shellcheck": ["shellcheck", *files("*.sh")],
        "zizmor": ["zizmor", "--offline", *files(".github/workflows/*.yml")],
        "actionlint": ["actionlint", *files(".github/workflows/*.yml")],
        "promtool": ["promtool", "check", "rules", *files("monitoring/alert_rules.yml")],
        "kubernetes-validate": ["kubernetes-validate", "--strict", *manifests],
        "kubeconform": ["kubeconform", "-strict", *manifests],
        "kube-score": ["kube-score", "score", *manifests],
        "checkov": ["checkov", "--quiet", "--compact", "--skip-download", "-d", "."],
    }
    return {name: command for name, command in wanted.items() if len(command) > 1}


def compare(folder):
    """Print a line for each tool, their sum, and Seatrial with and without its peers."""
    seatrial = [sys.executable, "-m", "seatrial.cli", "check"]
    total = 0.0
    for name, command in tools(folder).items():
        if not shutil.which(command[0]):
            print(f"  {name:<24} not on the path, left out")
            continue
        seconds, peak = measured(command, folder)
        total += seconds
        print(f"  {name:<24}{seconds:8.2f} s {peak:8.0f} MB")
    print(f"  {'all of them':<24}{total:8.2f} s")
    for name, command in {"seatrial check": seatrial, "  without peers": [*seatrial, "--no-peers"]}.items():
        seconds, peak = measured(command, folder)
        print(
            f"  {name:<24}{seconds:8.2f} s {peak:8.0f} MB   {seconds / total:.2f} of all of them"
            if total
            else f"{seconds:.2f} s"
        )


def main():
    """The folder, then many manifests, then twice as many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=REFERENCE)
    parser.add_argument("--manifests", type=int, default=1000)
    options = parser.parse_args()
    print(options.folder.name)
    compare(options.folder.resolve())
    for count in (options.manifests, 2 * options.manifests):
        with tempfile.TemporaryDirectory() as folder:
            for number in range(count):
                (Path(folder) / f"web-{number}.yaml").write_text(MANIFEST.format(n=number))
            print(f"{count} manifests")
            compare(Path(folder))


if __name__ == "__main__":
    main()
