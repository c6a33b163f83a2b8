"""What README and docs/ tell people to type exists: links, commands, parameters, Python."""
import ast
import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from scene import crowd
from truth import humans_of_moment

from ros2_occpose import cli
from ros2_occpose.config import NodeConfig, PipelineConfig, flatten, override
from ros2_occpose.geometry import matrix_from_quat_wxyz
from ros2_occpose.inference import registry
from ros2_occpose.parameter_file import load_overrides
from ros2_occpose.recording.poses_mcap import PosesMcap
from ros2_occpose.recording.source import level_pose

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]
DEFAULTS = {name: value for config in (PipelineConfig(), NodeConfig())
            for name, _, value in flatten(config)}
OTHER_NODES = {'local_costmap', 'following_server'}        # of Nav2: not ours to check
OTHER_PACKAGES = {'foxglove_bridge', 'robot_state_publisher', 'usb_cam'}
# Commands that a page shows in pieces, or that are not ours.
PLACEHOLDER = re.compile(r'[A-Z]{2,}|\.\.\.|…')


def blocks(page: Path, language: str) -> Iterator[str]:
    """Code blocks of a language."""
    pattern = re.compile(rf'^```{language}\n(.*?)^```', re.MULTILINE | re.DOTALL)
    yield from pattern.findall(page.read_text())


def lines(page: Path) -> Iterator[list[str]]:
    """Words of each command in the bash blocks."""
    for block in blocks(page, 'bash'):
        for line in block.replace('\\\n', ' ').splitlines():
            for part in re.split(r'&&|;', line):
                with contextlib.suppress(ValueError):
                    if words := shlex.split(part, comments=True):
                        yield words


COMMANDS = [pytest.param(words, id=f'{page.name}: {" ".join(words)[:60]}')
            for page in PAGES for words in lines(page)]
YAML = [pytest.param(block, id=f'{page.name}-{i}')
        for page in PAGES for i, block in enumerate(blocks(page, 'yaml'))]
PYTHON = [pytest.param(block, id=f'{page.name}-{i}')
          for page in PAGES for i, block in enumerate(blocks(page, 'python'))]


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r'\]\(([^)\s]+)\)', page.read_text()):
        if target.startswith(('http:', 'https:', 'mailto:')):
            continue
        name, _, anchor = target.partition('#')
        path = (page.parent / name) if name else page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path), target


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r'^#+ (.*)$', page.read_text(), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


def test_readme_leads_to_every_page():
    readme = (ROOT / 'README.md').read_text()
    for page in (ROOT / 'docs').glob('*.md'):
        assert f'](docs/{page.name})' in readme, f'{page.name} cannot be found from the README'


@pytest.mark.parametrize('words', COMMANDS)
def test_commands_exist(words):
    words = [word for word in words if not re.match(r'[A-Z_]+=', word)]     # variables
    match words:
        case ['occpose', *arguments]:
            parse(arguments)
        case ['bash' | 'source' | '.', script, *_] if script.startswith('scripts/'):
            assert (ROOT / script).is_file()
        case ['python' | 'python3', script, *_] if script.startswith(('scripts/', 'test/')):
            assert (ROOT / script).is_file()
        case ['python3' | 'python', '-m', module, *arguments] if module.startswith('ros2_occpose'):
            assert (ROOT / f'{module.replace(".", "/")}.py').is_file()
            check_ros_arguments(arguments)
        case ['ros2', 'launch', 'ros2_occpose', file, *arguments]:
            declared = launch_arguments(ROOT / 'launch' / file)
            assert {argument.partition(':=')[0] for argument in arguments} <= declared
        case ['ros2', 'run', 'ros2_occpose', node, *arguments]:
            assert (ROOT / 'ros2_occpose' / 'ros' / f'{node}.py').is_file()
            check_ros_arguments(arguments)
        case ['ros2', 'param', 'set', _, name, _]:
            assert name in DEFAULTS
        case ['ros2', 'launch' | 'run', package, *_]:
            assert package in OTHER_PACKAGES


def parse(arguments: list[str]) -> None:
    """`occpose` understands them; upper-case words stand for files."""
    parser = cli._parser()
    numbers = {'--hfov': '60', '--fps': '30', '--seconds': '1', '--camera-height': '1'}
    filled = [numbers.get(before, word) if PLACEHOLDER.fullmatch(word) else word
              for before, word in zip(['', *arguments], arguments, strict=False)]
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            parser.parse_args(filled)
        except SystemExit as end:
            understood = end.code == 0           # --help
        else:
            understood = True
    assert understood, said.getvalue()


def check_ros_arguments(words: list[str]) -> None:
    """Every `-p name:=value` is a parameter of ours."""
    for flag, word in pairwise(words):
        if flag == '-p':
            assert word.partition(':=')[0] in {*DEFAULTS, 'use_sim_time'}


def launch_arguments(file: Path) -> set[str]:
    """What a launch file declares, without importing launch."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Assign(targets=[ast.Name('ARGUMENTS' | 'MORE')], value=ast.Dict(keys=keys)):
                found |= {ast.literal_eval(key) for key in keys}
            case ast.Call(func=ast.Name('DeclareLaunchArgument'), args=[ast.Constant(name), *_]):
                found.add(name)
            case ast.ImportFrom(module=str(module)) if module.startswith('ros2_occpose'):
                found |= launch_arguments(ROOT / f'{module.replace(".", "/")}.py')
    return found


@pytest.mark.parametrize('block', YAML)
def test_parameters_exist_and_are_valid(block, tmp_path):
    content = yaml.safe_load(block)
    assert isinstance(content, dict)
    if OTHER_NODES & set(content):
        assert all('ros__parameters' in str(section) for section in content.values())
        return
    path = tmp_path / 'page.yaml'
    path.write_text(block)
    if all('kind' in entry for entry in content.values()):          # of a models.yaml
        assert registry.with_own(registry.models(), path).keys() > set(content)
        return
    for section in content:
        node = '/occpose/occpose' if '*' in section else section
        values = {name: value for name, value in load_overrides(path, node).items()
                  if not name.startswith('qos_overrides.')}
        assert set(values) <= set(DEFAULTS)
        for config in (PipelineConfig(), NodeConfig()):
            names = {name for name, _, _ in flatten(config)} & set(values)
            override(config, {name: values[name] for name in names})


@pytest.mark.parametrize('block', PYTHON)
def test_python_compiles(block):
    compile(block, 'page', 'exec')


def test_poses_mcap_is_read_as_the_page_says(tmp_path, monkeypatch, capsys):
    """The snippet of docs/messages.md."""
    (block,) = [b for b in blocks(ROOT / 'docs' / 'messages.md', 'python') if 'AnyReader' in b]
    (tmp_path / 'out' / 'demo').mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    moments = list(crowd(2, seconds=4.0, fps=2))
    with PosesMcap(Path('out/demo/poses.mcap')) as file:
        for moment in moments:
            file.write(humans_of_moment(moment))
    exec(compile(block, 'messages.md', 'exec'), {})
    said = capsys.readouterr().out
    assert said.count('[1 2]') == len(moments)
    assert str(moments[-1].frame.stamp_ns) in said


@pytest.mark.parametrize('message', ['HumanArray', 'Human', 'PipelineStats'])
def test_every_field_of_a_message_is_in_its_table(message):
    page = (ROOT / 'docs' / 'messages.md').read_text()
    table = page.split(f'\n## {message}\n')[1].split('\n## ')[0]
    named = [name for row in re.findall(r'^\| (`.*?) \|', table, re.MULTILINE)
             for name in re.findall(r'`(\w+)`', row)]
    assert sorted(named) == sorted(fields_of(message))


def test_every_state_is_in_its_table():
    page = (ROOT / 'docs' / 'messages.md').read_text()
    states = re.findall(r'^uint8 (\w+)=', (ROOT / 'msg/Joint.msg').read_text(), re.MULTILINE)
    table = page.split('\n## Joint\n')[1]
    assert re.findall(r'^\| ([A-Z_]+) \|', table, re.MULTILINE) == states
    for name in ('Human', 'HumanArray'):
        for state in re.findall(r'^uint8 (\w+)=', (ROOT / f'msg/{name}.msg').read_text(),
                                re.MULTILINE):
            assert state in page.split(f'\n## {name}\n')[1].split('\n## ')[0]


def fields_of(message: str) -> list[str]:
    """Names of the fields in a .msg file."""
    text = (ROOT / 'msg' / f'{message}.msg').read_text()
    return re.findall(r'^[\w/]+(?:\[\d*\])? (\w+)(?= )(?!=)', text, re.MULTILINE)


def said_by_the_code() -> str:
    """All texts in the package, and the scripts; what is filled in is left out."""
    found = []
    for path in (ROOT / 'ros2_occpose').rglob('*.py'):
        found += [node.value for node in ast.walk(ast.parse(path.read_text()))
                  if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return ' '.join([*found, (ROOT / 'scripts' / 'bootstrap.sh').read_text()])


def test_troubleshooting_quotes_what_the_code_says():
    """Of the words in quotes, three in a row at a time; names and numbers are filled in."""
    page = (ROOT / 'docs' / 'troubleshooting.md').read_text()
    quotes = re.findall(r'\*{1,2}"([^"]+)"', page.replace('\n', ' '))
    assert len(quotes) > 20
    code = said_by_the_code()
    for part in (part for quote in quotes for part in quote.split('...')):
        words = part.strip(' .;').split()
        rows = [' '.join(words[i:i + 3]) for i in range(len(words) - 2)] or words
        assert not words or any(row in code for row in rows), f'nobody says {part!r}'


def test_camera_mounts_look_where_the_page_says():
    """Straight ahead and down by 15 degrees, 0.4 m high; down by 15 degrees on a wall."""
    page = (ROOT / 'docs' / 'cameras.md').read_text()
    mounts = [np.array([float(number) for number in found.split(', ')])
              for found in re.findall(r'\[((?:-?[\d.]+, ){6}-?[\d.]+)\]', page)]
    assert len(mounts) == 3
    for mount, height_m, pitch_deg in zip(mounts, (0.4, 0.4, 2.5), (0, 15, 15), strict=True):
        wanted = level_pose(height_m, pitch_deg)
        assert mount[2] == height_m
        rotation = matrix_from_quat_wxyz(mount[[6, 3, 4, 5]])
        np.testing.assert_allclose(rotation, wanted[:3, :3], atol=0.002)


def test_names_of_parameters_in_the_text_exist():
    """`tracking.max_gap_s` and the like, wherever a page names one."""
    groups = '|'.join(sorted({name.partition('.')[0] for name in DEFAULTS if '.' in name}))
    for page in PAGES:
        text = page.read_text()
        for name in re.findall(rf'`((?:{groups})\.[a-z_.0-9]*[a-z0-9])', text):
            known = name in DEFAULTS or any(d.startswith(f'{name}.') for d in DEFAULTS)
            assert known or is_function(name), f'{page.name}: {name}'


def is_function(name: str) -> bool:
    """`trajectory.solve_clip` is no parameter."""
    module, _, function = name.partition('.')
    path = ROOT / 'ros2_occpose' / module
    return path.is_dir() and hasattr(import_module(f'ros2_occpose.{module}'), function)


def test_there_is_something_to_check():
    assert len(COMMANDS) > 30
    assert len(YAML) > 5
    assert len(PYTHON) > 3


@pytest.mark.parametrize('wrong', [
    ['occpose', 'run', 'walk.mp4'],
    ['ros2', 'launch', 'ros2_occpose', 'pose.launch.py', 'imagee:=/camera'],
    ['ros2', 'run', 'ros2_occpose', 'camera_node'],
    ['ros2', 'param', 'set', '/occpose', 'tracking.gap', '1'],
    ['bash', 'scripts/none.sh'],
])
def test_a_wrong_command_is_noticed(wrong):
    with pytest.raises(AssertionError):
        test_commands_exist(wrong)
