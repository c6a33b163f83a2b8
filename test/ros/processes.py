"""Processes that tests start, talk to by signals, and never leave behind."""
from pathlib import Path

from node_processes import Process

__all__ = ['SCRIPTED_NODE', 'Process']
SCRIPTED_NODE = str(Path(__file__).with_name('scripted_node.py'))
