"""The demo's processes: what they refuse is said, and by whom it was wrong."""

from pathlib import Path

import pytest

from console.demo.processes import agent_config, running
from shared_models.errors import InputError


def test_what_a_part_does_not_take_is_the_users_mistake_in_one_sentence(tmp_path: Path) -> None:
    source = {"kind": "directory", "path": str(tmp_path)}
    config = agent_config(tmp_path, 7443, source, {"width": 2.0}, "demo")
    with running("edge", config, tmp_path) as agent:
        agent.process.wait()
        with pytest.raises(
            InputError, match=r"^the demo's edge says: .*cameras\.demo\.width is 2\.0"
        ) as caught:
            agent.check()
    assert "\n" not in str(caught.value)
