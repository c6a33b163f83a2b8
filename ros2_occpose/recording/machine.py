"""What figures were measured on: processor, cores, versions; nothing that names the machine."""
from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from ..resources import package_version

PACKAGES = ('numpy', 'scipy', 'opencv-python-headless', 'opencv-python', 'onnxruntime',
            'onnxruntime-gpu', 'tensorrt', 'rosbags')


def machine() -> dict[str, str | int | float]:
    """Processor, cores that this process may use, memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    return {'cpu': _cpu(), 'cores': cores or 0, 'memory_gb': _memory_gb(),
            'system': f'{platform.system()} {platform.machine()}'}


def versions() -> dict[str, str]:
    """Of this package, Python, and the packages that do the work, as far as installed."""
    found = {'ros2_occpose': package_version(), 'python': platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def source_commit() -> str:
    """Commit of the source tree, 'unknown' outside one; -dirty: with changes."""
    try:
        done = subprocess.run(['git', 'describe', '--always', '--dirty'], capture_output=True,
                              cwd=Path(__file__).resolve().parent, text=True, check=False)
    except OSError:
        return 'unknown'                   # no git here
    return done.stdout.strip() or 'unknown'


def _cpu() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        return platform.processor() or 'unknown'
    for line in lines:
        name, _, value = line.partition(':')
        if name.strip() in ('model name', 'Model', 'Hardware'):
            return value.strip()
    return platform.processor() or 'unknown'


def _memory_gb() -> float:
    try:
        pages = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    except (ValueError, OSError):
        return float('nan')
    return round(pages / 1e9, 1)
