"""`pip install .` gives the ROS-free part; the version and the list of messages stand once."""
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from email.parser import Parser
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
NAME = 'ros2_occpose'
VERSION = ElementTree.parse(ROOT / 'package.xml').findtext('version')
# An environment in which neither the source nor the overlay of colcon is in reach.
OUTSIDE = {name: value for name, value in os.environ.items()
           if name not in {'PYTHONPATH', 'AMENT_PREFIX_PATH'}}
REQUIREMENTS = ROOT / 'scripts' / 'requirements'
BOOTSTRAP = ROOT / 'scripts' / 'bootstrap.sh'


def run(*command, **options):
    """Run a command that must succeed; its output."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False,
                          **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """The package as pip builds it, from a copy: building leaves files in the source."""
    source = tmp_path_factory.mktemp('source')
    for name in (NAME, 'config', 'models', 'msg'):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name,
                            ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('package.xml', 'setup.py', 'pyproject.toml', 'MANIFEST.in', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    run(sys.executable, '-m', 'pip', 'wheel', source, '--no-deps', '--no-build-isolation',
        '--wheel-dir', source / 'dist', cwd=source)
    [path] = (source / 'dist').glob('*.whl')
    return path


@pytest.fixture(scope='module')
def installation(wheel, tmp_path_factory):
    """A new environment with the wheel; what we depend on is lent by the running one."""
    prefix = tmp_path_factory.mktemp('installation')
    run(sys.executable, '-m', 'venv', '--without-pip', prefix)
    packages = prefix / 'lib' / f'python{sysconfig.get_python_version()}' / 'site-packages'
    (packages / 'lent.pth').write_text(sysconfig.get_path('purelib'))
    run(sys.executable, '-m', 'pip', '--python', prefix / 'bin' / 'python', 'install', '--no-deps',
        wheel, cwd=prefix, env=OUTSIDE)
    return prefix


def pinned(*lists):
    """What the lists of scripts/requirements ask for."""
    lines = [line.split('#')[0].strip()
             for name in lists for line in (REQUIREMENTS / f'{name}.txt').read_text().splitlines()]
    return {r.name.lower(): r.specifier for r in map(Requirement, filter(None, lines))
            if r.specifier}


def bootstrap(*arguments, **variables):
    """Run bootstrap.sh where no ROS is sourced; exit code and all that it said."""
    env = {name: value for name, value in os.environ.items()
           if name not in {'AMENT_PREFIX_PATH', 'ROS_DISTRO', 'PYTHON'}}
    done = subprocess.run([shutil.which('bash'), BOOTSTRAP, *arguments], env=env | variables,
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_version_stands_in_package_xml_only():
    for name in ('setup.py', 'pyproject.toml', 'CMakeLists.txt', f'{NAME}/__init__.py'):
        assert VERSION not in (ROOT / name).read_text(), name


def test_there_is_no_setup_cfg():
    assert not (ROOT / 'setup.cfg').exists(), 'the message generator would pick it up'


def test_every_message_is_generated():
    listed = re.findall(r'^  msg/(\w+)\.msg$', (ROOT / 'CMakeLists.txt').read_text(), re.MULTILINE)
    assert listed == sorted(path.stem for path in (ROOT / 'msg').glob('*.msg'))


def test_every_message_field_is_explained():
    for path in (ROOT / 'msg').glob('*.msg'):
        for line in path.read_text().splitlines():
            is_field = re.match(r'[\w/]+(\[\d*\])? \w+', line) and '=' not in line.split('#')[0]
            assert not is_field or '# ' in line, f'{path.name}: {line}'


def test_the_wheel_holds_all_but_ros(wheel):
    names = {name for name in ZipFile(wheel).namelist() if not name.endswith('/')}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / NAME).rglob('*.py')}
    without_ros = {name for name in modules if not name.startswith(f'{NAME}/ros/')}
    assert {name for name in names if name.startswith(f'{NAME}/')} == {
        *without_ros, f'{NAME}/py.typed'}


def test_the_wheel_knows_its_version_and_licence(wheel):
    metadata = Parser().parsestr(
        ZipFile(wheel).read(f'{NAME}-{VERSION}.dist-info/METADATA').decode())
    assert (metadata['Name'], metadata['Version']) == (NAME, VERSION)
    assert metadata['License'] == 'Apache-2.0'


@pytest.mark.parametrize('numpy', ['numpy-1', 'numpy-2'])
def test_the_pins_lie_in_the_ranges_of_the_wheel(wheel, numpy):
    metadata = Parser().parsestr(
        ZipFile(wheel).read(f'{NAME}-{VERSION}.dist-info/METADATA').decode())
    ranges = [Requirement(text) for text in metadata.get_all('Requires-Dist')]
    pins = pinned('constraints', numpy, 'run', 'dev')
    checked = [r.name.lower() for r in ranges if r.name.lower() in pins]
    assert {'numpy', 'scipy', 'opencv-python-headless', 'onnxruntime', 'torch'} <= set(checked)
    for wanted in ranges:
        for pin in pins.get(wanted.name.lower(), ()):
            assert pin.operator == '==', f'{wanted.name}{pin} is not a pin'
            assert pin.version in wanted.specifier, f'{wanted.name}{pin} against {wanted}'


def test_standard_parts_are_not_checked_without_an_installation():
    env = {name: value for name, value in os.environ.items() if name != 'AMENT_PREFIX_PATH'}
    script = ROOT / 'scripts' / 'check_standard_parts.sh'
    done = subprocess.run([shutil.which('bash'), script], env=env, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2
    assert 'expected a ROS installation, none is sourced; first: source /opt/ros/' in done.stderr


def test_an_installation_finds_its_files(installation):
    code = ('import ros2_occpose.resources as r\n'
            'print(r.resource("msg", "Human.msg"), r.resource("config", "fastdds.xml"))')
    share = installation / 'share' / NAME
    found = run(installation / 'bin' / 'python', '-c', code, cwd=installation, env=OUTSIDE)
    assert found.split() == [
        str(share / 'msg' / 'Human.msg'), str(share / 'config' / 'fastdds.xml')]


def test_an_installation_has_the_command(installation):
    assert VERSION in run(installation / 'bin' / 'occpose', '--version', cwd=installation,
                          env=OUTSIDE)


@pytest.mark.parametrize(('variables', 'message'), [
    ({'ROS_DISTRO': 'foxy'}, 'neither jazzy nor kilted'),
    ({'PYTHON': '/bin/false'}, 'must be Python 3.11 or 3.12'),
])
def test_bootstrap_refuses_what_cannot_work(variables, message):
    code, said = bootstrap(**variables)
    assert code == 1
    assert message in said


def test_bootstrap_says_what_is_missing_and_how_to_get_it(tmp_path):
    for tool in ('dirname', 'uname', 'sed', 'sort', 'head', 'cat', 'make'):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    code, said = bootstrap(PATH=str(tmp_path), PYTHON=sys.executable)
    assert code == 1
    assert 'missing: g++, cmake.' in said
    assert 'sudo apt install python3-venv python3-dev g++ make cmake' in said


def test_bootstrap_explains_itself_to_those_who_ask():
    code, said = bootstrap('--help')
    assert code == 2
    assert 'bash scripts/bootstrap.sh --dev' in said


def test_nothing_needs_a_display():
    """No window, and the OpenCV without Qt."""
    for path in (ROOT / NAME).rglob('*.py'):
        assert not re.search(r'imshow|namedWindow|waitKey|\.show\(\)', path.read_text()), path
    for text in ((ROOT / 'setup.py').read_text(), (REQUIREMENTS / 'run.txt').read_text()):
        assert 'opencv-python-headless' in text
        assert not re.search(r'opencv-(contrib-)?python(?!-headless)', text)


def test_every_licence_allows_to_ship():
    entries = yaml.safe_load((ROOT / 'models' / 'models.yaml').read_text())
    assert {entry['licence'] for entry in entries.values()} <= {
        'Apache-2.0', 'MIT', 'BSD-3-Clause', 'CC0-1.0'}
