"""One network for the stories in which no process is killed."""

from collections.abc import Iterator

import pytest

from tests.network.harness import Network, network_up
from tests.network.networks import COUNTRY


@pytest.fixture(scope="package")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    home = tmp_path_factory.mktemp("country")
    with network_up(home, COUNTRY, "--lease", "12", together=True) as network:
        yield network
