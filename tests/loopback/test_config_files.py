"""The files in configs/endpoints load, start and work as their comments describe."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import Endpoint, NativeError, expect, load_config
from tests.support.certificates import Authority
from tests.support.starting import LOOPBACK, NewEndpoint, connect

FOLDER = Path(__file__).resolve().parent.parent.parent / "configs" / "endpoints"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_endpoint_file_starts(
    path: Path, new_endpoint: NewEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    identity = authority.issue(LOOPBACK)
    monkeypatch.setenv("SRTPBOT_TLS_CA", str(authority.ca))
    monkeypatch.setenv("SRTPBOT_TLS_CERT", str(identity.cert))
    monkeypatch.setenv("SRTPBOT_TLS_KEY", str(identity.key))
    config = load_config(path)
    assert config.name == path.stem
    # Another test may have the fixed port of the file.
    with Endpoint(config.with_options(port=0)).start() as callee:
        transport = config.transports[0]
        caller = new_endpoint(transports=[transport], tls_ca=authority.ca, srtp=config.srtp)
        for call in connect(caller, callee):
            expect(call).to_be_confirmed()


def test_files_are_there() -> None:
    assert {path.stem for path in FILES} >= {"parrot", "plain", "srtp-mandatory", "tls"}


def test_closed_endpoint_has_no_uri(new_endpoint: NewEndpoint) -> None:
    endpoint = new_endpoint()
    endpoint.close()
    endpoint.close()
    with pytest.raises(NativeError, match="not running"):
        _ = endpoint.pid
