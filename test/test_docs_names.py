"""Names and figures in README and docs/ exist where they come from."""
import argparse
import re
from pathlib import Path

import pytest
import yaml
from test_docs import DEFAULTS, PAGES, ROOT, fields_of, said_by_the_code

from ros2_occpose import cli

PARTS = re.compile(r'`([^`\n]+)`')
FOLDERS = ('', 'ros2_occpose', 'docs', 'test', 'test/ros')
# Of other people's packages, data sets and tools; files that a user or a command makes.
FOREIGN = ('common/h36m_dataset.py', 'rep-0155', 'robot.yaml', 'urdf/', 'out/', 'bin/activate',
           'setup.bash')
SUFFIXES = ('.py', '.sh', '.yaml', '.md', '.txt', '.onnx', '.rviz', '.xml', '.msg', '.toml')
OF_OTHERS = {'--show-args', '--runtime', '--network', '--ipc', '--ros-args', '--once', '--clock',
             '--system-site-packages', '--nproc_per_node', '--share'}


def spans(page: Path) -> list[str]:
    """What stands between backticks in the text, and lines of code blocks are left out."""
    text = re.sub(r'^```.*?^```', '', page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return PARTS.findall(text)


def options() -> set[str]:
    """All long options of `occpose`, and of the scripts."""
    found, parsers = set(), [cli._parser()]
    while parsers:
        for action in parsers.pop()._actions:
            found |= {option for option in action.option_strings if option.startswith('--')}
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
    for path in [*ROOT.glob('scripts/*.*'), ROOT / 'ros2_occpose/ros/replay.py',
                 ROOT / 'test/ros/latency.py', ROOT / 'test/tracking_scores.py']:
        found |= set(re.findall(r'(?<![\w-])(--[a-z][\w-]+)', path.read_text()))
    return found


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_options_in_the_text_exist(page):
    named = {option for span in spans(page)
             for option in re.findall(r'(?<![\w-])(--[a-z][\w-]+)', span)}
    unknown = named - options() - OF_OTHERS
    assert not unknown, f'nobody understands {sorted(unknown)}'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_files_in_the_text_exist(page):
    for span in spans(page):
        for word in re.findall(r'^[\w./-]+$', span):
            if '/' not in word or not word.endswith(SUFFIXES) or word.startswith(FOREIGN):
                continue
            places = [ROOT / folder / word for folder in FOLDERS]
            assert any(place.exists() for place in places), f'there is no {word}'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_fields_of_messages_in_the_text_exist(page):
    messages = {path.stem: set(fields_of(path.stem)) for path in (ROOT / 'msg').glob('*.msg')}
    for span in spans(page):
        if found := re.fullmatch(r'([A-Z]\w+)\.([a-z]\w*)', span):
            message, field = found.groups()
            assert message not in messages or field in messages[message], span


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_topics_in_the_text_exist(page):
    topics = set(re.findall(r'^\| `([\w/]+)` \|',
                            (ROOT / 'docs' / 'topics.md').read_text(), re.MULTILINE))
    for span in spans(page):
        if found := re.fullmatch(r'/occpose/([\w/]+)', span):
            name = found[1].removesuffix('/compressed')
            assert name in topics | {'occpose'}, span


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_parameters_with_a_value_in_the_text_exist(page):
    """`camera_pose: tf`, where the name is one word of ours with an underscore."""
    known = set(DEFAULTS) | {'use_sim_time', 'qos_overrides'}
    known |= {name.rpartition('.')[2] for name in DEFAULTS}
    for span in spans(page):
        found = re.fullmatch(r'([a-z]+_[a-z_]+): (\S.*)', span)
        assert not found or found[1] in known, span


def test_parameter_files_name_parameters():
    for path in (ROOT / 'config').glob('*.yaml'):
        content = yaml.safe_load(path.read_text()) or {}
        for section in content.values():
            values = (section or {}).get('ros__parameters') or {}
            assert {str(name).partition('.')[0] for name in values} <= {
                name.partition('.')[0] for name in DEFAULTS}, path.name


def test_figures_of_the_readme_are_those_of_the_pages():
    """Each row of the table *measured*, whose last cell links to the page or says `the same`."""
    table = (ROOT / 'README.md').read_text().split('| measured |')[1].split('\n\n')[0]
    page, checked = Path(), 0
    for row in table.splitlines()[2:]:
        _, figures, source = row.strip('| ').split(' | ')
        if link := re.search(r'\]\(([\w./-]+)', source):
            page = ROOT / link[1]
        text = page.read_text()
        for number in re.findall(r'\d+\.\d+|\d+ of \d+', figures):
            assert re.search(rf'(?<![\d.]){re.escape(number)}(?!\d)', text), (
                f'{page.name} does not say {number} (any more): {row}')
            checked += 1
    assert checked >= 8


def test_every_environment_variable_in_the_text_is_read():
    code = said_by_the_code() + ''.join(
        path.read_text() for path in [*ROOT.glob('scripts/*.*'), *ROOT.glob('test/**/*.py')])
    for page in PAGES:
        for name in re.findall(r'\b(OCCPOSE_[A-Z_]+)\b', page.read_text()):
            assert name in code, f'{page.name}: {name}'


@pytest.mark.parametrize(('check', 'text'), [
    (test_options_in_the_text_exist, '`--no-such-option`'),
    (test_files_in_the_text_exist, '`scripts/none.sh`'),
    (test_fields_of_messages_in_the_text_exist, '`Human.name`'),
    (test_topics_in_the_text_exist, '`/occpose/people`'),
    (test_parameters_with_a_value_in_the_text_exist, '`no_such: true`'),
])
def test_a_wrong_name_is_noticed(check, text, tmp_path):
    page = tmp_path / 'page.md'
    page.write_text(f'See {text}.\n')
    with pytest.raises(AssertionError):
        check(page)
