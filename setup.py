"""Install the ROS-free part with pip; colcon reads CMakeLists.txt instead."""
from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
MANIFEST = ElementTree.parse(ROOT / 'package.xml').getroot()
NAME = MANIFEST.findtext('name', '')

EXTRAS = {
    'onnx': ['onnxruntime>=1.17'],
    'gpu': ['onnxruntime-gpu>=1.17'],            # instead of onnx, not beside it
    'tensorrt': ['tensorrt>=10.3,<12'],
    'bag': ['rosbags>=0.11'],
    'plot': ['matplotlib>=3.8'],
    'convert': ['onnx>=1.16', 'tflite>=2.18'],   # the default detector, once
    'evaluate': ['motmetrics>=1.4', 'matplotlib>=3.8'],
    'synth': ['moderngl>=5.10'],
    'train': ['torch>=2.4', 'onnx>=1.16', 'onnxscript>=0.5'],
    'smplx': ['smplx>=0.1.28', 'torch>=2.4'],    # to compare bodies with; not for commercial use
    'dev': ['pytest>=8,<9', 'pytest-timeout>=2.3', 'ruff', 'mypy>=1.11', 'types-PyYAML'],
}
EXTRAS['run'] = [name for extra in ('onnx', 'bag', 'plot', 'convert') for name in EXTRAS[extra]]


def shared_files() -> list[tuple[str, list[str]]]:
    """Find what belongs into `share/ros2_occpose`: models, configuration and messages."""
    folders: dict[str, list[str]] = {}
    for top in ('models', 'config', 'msg'):
        for path in sorted((ROOT / top).rglob('*')):
            if path.is_file():
                relative = path.relative_to(ROOT)
                folder = f'share/{NAME}/{relative.parent.as_posix()}'
                folders.setdefault(folder, []).append(relative.as_posix())
    return list(folders.items())


setup(
    name=NAME,
    version=MANIFEST.findtext('version'),
    description=MANIFEST.findtext('description'),
    license=MANIFEST.findtext('license'),
    packages=find_packages(include=[NAME, f'{NAME}.*'],
                           exclude=[f'{NAME}.ros', f'{NAME}.ros.*']),
    package_data={NAME: ['py.typed']},
    data_files=shared_files(),
    options={'build': {'build_base': 'build-pip'}},     # build/ belongs to colcon
    python_requires='>=3.11',
    install_requires=['numpy>=1.26', 'scipy>=1.11', 'opencv-python-headless>=4.10,<5',
                      'pyyaml>=6', 'tqdm>=4.60'],
    extras_require=EXTRAS,
    entry_points={'console_scripts': [f'occpose = {NAME}.cli:main']},
)
