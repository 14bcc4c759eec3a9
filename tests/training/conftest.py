import pytest

from mdgen.config import DataConfig
from mdgen.data.splits import Split
from mdgen.data.user_folders import UserFolders
from mdgen.runs.folder import RunFolder
from mdgen.training import loop


@pytest.fixture(scope="module")
def split(tiny_data):
    return Split.of(UserFolders(tiny_data, height=32, width=32, channels="auto"),
                    DataConfig(height=32, width=32))


@pytest.fixture(scope="module")
def run(trained):
    return RunFolder.open(trained)


@pytest.fixture
def constant_rate(monkeypatch):
    """The rate stays where it is, so that trainings of other lengths share their steps."""
    monkeypatch.setattr(loop, "learning_rate", lambda step, *, peak, **_: peak)
