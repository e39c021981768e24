from __future__ import annotations

import pytest


@pytest.mark.xdist_group("told")
def test_who_distributes_tests_is_told_their_group(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("loadgroup", False):
        pytest.skip("nobody distributes by groups")
    assert request.node.nodeid.endswith("@told")
