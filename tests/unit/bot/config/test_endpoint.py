"""bot.config.endpoint: valid settings, and the errors of invalid ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from bot.config.account import AccountConfig
from bot.config.endpoint import EndpointConfig, SettingError, load_config
from bot.config.local_address import parse_port_range
from bot.config.nat import NatConfig, TurnConfig
from bot.config.tls import TlsConfig
from bot.errors import ConfigError
from bot.model import CryptoSuite, SecureSignalling, SrtpMode, Transport

ROOT = Path(__file__).parents[4]


def test_the_defaults_are_those_of_the_contract() -> None:
    config = EndpointConfig()
    assert (config.bind, config.port, config.transports) == (None, 0, (Transport.UDP,))
    assert (config.srtp, config.srtp_requires) == (SrtpMode.OPTIONAL, SecureSignalling.NONE)
    assert config.suites[0] is CryptoSuite.AES_CM_128_HMAC_SHA1_80
    assert set(config.suites) == set(CryptoSuite)
    assert (config.codecs, config.rtp_ports, config.tls) == ((), None, TlsConfig())
    assert not config.tls.insecure


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "name: .* the user of a SIP URI"),
        ({"name": "../x"}, "name: .* the user of a SIP URI"),
        ({"bind": "localhost"}, "bind: .* host names"),
        ({"bind": "127.0.0.1:5060"}, "bind: .* use the setting port"),
        ({"bind": "224.0.0.1"}, "bind: .* the address of a network interface"),
        ({"bind": "127.0.0.256"}, "bind: expected an IP address"),
        ({"port": -1}, "port: expected 0"),
        ({"port": 65536}, "port: expected 0"),
        ({"port": 65535, "transports": ["tcp", "tls"]}, "port: expected at most 65534"),
        ({"port": "sip"}, "port: expected a whole number, got 'sip'"),
        ({"transports": []}, "transports: is empty"),
        ({"transports": ["udp", "udp"]}, r"transports\[1\]: duplicate value udp"),
        ({"transports": ["upd"]}, r"transports\[0\]: .* of udp, tcp, tls, got 'upd' \(did you mean 'udp'"),
        ({"id": "alice@example.org"}, "id: .* did you mean sip:alice@example.org"),
        ({"proxy": "tel:+4930123456"}, "proxy: expected a sip: or sips: URI"),
        ({"id": "sip:a:geheim@h"}, "id: contains a password"),
        ({"proxy": "sip:h:99999"}, "proxy: .* port"),
        ({"registrar": "sip:h;transport=TCP"}, "registrar: .* transport tcp; .* endpoint: udp; add tcp"),
        ({"registrar": "sips:h", "transports": ["udp", "tcp"]}, "registrar: .* transport tls; .* udp, tcp;"),
        ({"proxy": "sip:h;transport=tls"}, "proxy: .* needs the transport tls"),
        (
            {"accounts": [{"id": "sip:a@h", "registrar": "sip:h;transport=tcp"}]},
            r"accounts\[0\]\.registrar: .* needs the transport tcp",
        ),
        ({"codecs": ["PCMA", "-speex"]}, "codecs: expected either codecs to offer or codecs to exclude"),
        ({"audio_lines": 0}, "audio_lines: expected 1 to 2, got 0"),
        ({"audio_lines": 3}, "audio_lines: expected 1 to 2, got 3"),
        ({"nat_ice_rtcp": False}, "nat.ice_rtcp: needs ICE"),
        ({"codecs": ["--speex"]}, r"codecs\[0\]: expected a name"),
        ({"codecs": ["-speex", "-SPEEX"]}, "codecs"),
        ({"user": "a\r\nVia: x"}, "user: contains a line break"),
        ({"password": "geheim\n"}, "password: contains a line break"),
        ({"user_agent": "a\nb"}, "user_agent: contains a line break"),
        ({"codecs": ["PCMA", "PC MA"]}, r"codecs\[1\]: expected a name such as PCMA"),
        ({"codecs": ["PCMA", "pcma"]}, r"codecs\[1\]: duplicate value pcma"),
        ({"srtp": "madatory"}, r"srtp: .* off, optional, mandatory, got 'madatory' \(did you mean 'mand"),
        ({"suites": []}, "suites: is empty"),
        ({"srtp": "off", "suites": ["AES_CM_128_HMAC_SHA1_80"]}, "suites: contradicts srtp: off"),
        ({"srtp": "off", "accept": ["avp-savp"]}, "accept: contradicts .*; remove accept, or set srtp"),
        ({"srtp": "off", "srtp_keying": ["dtls"]}, "srtp_keying: contradicts srtp: off"),
        ({"srtp": "off", "srtp_requires": "tls"}, "srtp_requires: contradicts srtp: off"),
        ({"suites": ["AES_CM_128_HMAC_SHA1_80"] * 2}, r"suites\[1\]: duplicate value"),
        ({"suites": ["AES_CM_128_SHA1_80"]}, r"did you mean 'AES_CM_128_HMAC_SHA1_80'\?"),
        ({"tls_cert": "a.pem"}, "tls.cert: needs a private key"),
        ({"tls_key": "a.pem"}, "tls.key: needs a certificate"),
        ({"tls_cret": "a.pem"}, r"tls.cret: unknown key \(did you mean 'cert'\?\)"),
        ({"rtp_ports": "4000"}, "rtp_ports: expected a range of ports such as 4000-4100"),
        ({"rtp_ports": "4001-4100"}, "rtp_ports: expected an even first port"),
        ({"rtp_ports": "4000-4000"}, "rtp_ports: 4000-4000 is too small: 1 call needs 2 ports"),
        ({"rtp_ports": "4000-4006", "max_calls": 4}, "rtp_ports: 4000-4006 is too small: 4 calls need 8"),
        ({"rtp_ports": "4000-4013", "audio_lines": 2, "max_calls": 4}, "rtp_ports: .* 4 calls need 16 ports"),
        ({"rtp_ports": (5000, 4000)}, "rtp_ports: .* lowest port first, got 5000-4000"),
        ({"rtp_ports": "80-4000"}, "rtp_ports: expected a range within 1024"),
        ({"rtp_ports": "60000-70000"}, "rtp_ports: .* within 1024-65535"),
        ({"clock_rate": 44100}, "clock_rate: expected one of 8000, 16000, 32000, 48000 Hz, got 44100"),
        ({"max_calls": 0}, "max_calls: expected 1 or more, got 0"),
        ({"rx_drop_pct": 101}, "rx_drop_pct: expected a percentage"),
        ({"tx_drop_pct": -1}, "tx_drop_pct: expected a percentage"),
        ({"nat_stun": "stun:stun.example.org"}, "nat.stun: expected a host or host:port"),
        ({"nat_stun": "h:99999"}, "nat.stun: expected a host or host:port"),
        ({"nat_stnu": "h"}, r"nat.stnu: unknown key \(did you mean 'stun'"),
        ({"nat_public_address": "example.org"}, "nat.public_address: expected an IPv4 address"),
        ({"nat_public_address": "0.0.0.0"}, "nat.public_address: .* of a host, got 0.0.0.0"),
        ({"nat_public_address": "192.0.2.1", "nat_stun": "h"}, "nat.public_address: contradicts stun"),
        ({"nat_keep_alive_s": 1}, "nat.keep_alive_s: expected 0 .none. or 2 to 3600 s, got 1"),
        ({"nat_ice": True, "bind": "127.0.0.1"}, "nat.ice: .* loopback address; set bind to another"),
        ({"nat_turn": {"server": "h"}, "bind": "127.0.0.1"}, "nat.turn: .* loopback address"),
        ({"nat_turn": {"server": "a b"}}, "nat.turn.server: expected a host or host:port"),
        ({"nat_turn": {"server": "h", "user": "u"}}, "nat.turn.user: needs a password"),
        ({"nat_turn": {"server": "h", "password": "geheim"}}, "nat.turn.password: needs a user name"),
        ({"nat_turn": {"server": "h", "user": "u", "password": 7}}, "nat.turn.password: expected text"),
        ({"nat_turn": {"server": "h", "transport": "tls"}}, "nat.turn.transport: expected one of tcp, udp"),
        ({"nameserver": ["dns.example.org"]}, r"nameserver\[0\]: expected an IPv4 address"),
        ({"nameserver": ["127.0.0.1:x"]}, r"nameserver\[0\]: expected a host or host:port"),
        ({"codec": ["PCMA"]}, r"codec: unknown key \(did you mean 'codecs'\?\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        EndpointConfig().with_options(**options)
    assert "geheim" not in str(refused.value)
    assert refused.value.exit_status == 2


def test_construction_refuses_too_and_names_the_key() -> None:
    with pytest.raises(SettingError) as refused:
        EndpointConfig(max_calls=-1)
    assert refused.value.key == "max_calls"


def test_srtp_that_an_option_turns_off_leaves_the_suites_of_the_file_unused() -> None:
    file = EndpointConfig().with_options(suites=["AES_CM_128_HMAC_SHA1_80"], srtp_requires="tls")
    assert file.with_options(srtp="off") == EndpointConfig().with_options(srtp="off")
    with pytest.raises(ConfigError, match="accept: contradicts srtp: off"):
        file.with_options(srtp="off").with_options(accept=["avp-savp"])


def test_options_override() -> None:
    config = EndpointConfig(name="a", port=5060, tls=TlsConfig(ca="ca.pem")).with_options(
        port=None,
        srtp="mandatory",
        suites=[CryptoSuite.AES_CM_128_HMAC_SHA1_32],
        transports=("udp", Transport.TLS),
        rtp_ports="4000-4100",
        tls_insecure=True,
        tls_cert=Path("a.pem"),
        tls_key="a.key",
        codecs=["PCMA", "speex/16000/1"],
        rx_drop_pct=1,
    )
    assert (config.name, config.port, config.srtp) == ("a", 5060, SrtpMode.MANDATORY)
    assert config.suites == (CryptoSuite.AES_CM_128_HMAC_SHA1_32,)
    assert config.transports == (Transport.UDP, Transport.TLS)
    assert config.rtp_ports == (4000, 4100)
    assert config.tls == TlsConfig(ca="ca.pem", cert="a.pem", key="a.key", insecure=True)
    assert config.codecs == ("PCMA", "speex/16000/1")
    assert config.with_options() == config


def test_an_empty_text_is_none_and_an_unspecified_address_all_interfaces() -> None:
    config = EndpointConfig(bind="0.0.0.0", user="", id="", registrar="", tls=TlsConfig(ca=""))
    assert config == EndpointConfig()


def test_the_config_crosses_the_wire() -> None:
    config = EndpointConfig(
        password="geheim", rtp_ports=(4000, 4100), suites=(CryptoSuite.AES_256_CM_HMAC_SHA1_80,)
    )
    assert msgspec.json.decode(msgspec.json.encode(config), type=EndpointConfig) == config


def test_the_password_is_not_shown() -> None:
    config = EndpointConfig(user="alice", password="geheim")
    assert config.password == "geheim"
    for shown in (repr(config), str(config), str(config.__rich_repr__()), str(config.redacted())):
        assert "geheim" not in shown
        assert "***" in shown
    assert config.redacted()["user"] == "alice"
    assert EndpointConfig().redacted()["password"] is None


def test_the_password_of_the_relay_is_not_shown() -> None:
    config = EndpointConfig().with_options(
        nat_turn={"server": "turn.example.org", "user": "alice", "password": "geheim"}, nat_ice=True
    )
    assert config.nat.turn is not None
    assert config.nat.turn.password == "geheim"
    for shown in (repr(config), str(config.__rich_repr__()), str(config.nat.turn.__rich_repr__())):
        assert "geheim" not in shown
        assert "alice" in shown
    assert config.redacted()["nat"]["turn"] == {
        "server": "turn.example.org",
        "user": "alice",
        "password": "***",
        "transport": "udp",
        "only": False,
    }
    assert EndpointConfig().redacted()["nat"]["turn"] is None


def test_what_is_beyond_a_nat_is_read_from_a_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "nameserver: [192.0.2.53, '192.0.2.54:5353']\n"
        "nat:\n  stun: stun.example.org\n  keep_alive_s: 0\n  rewrite_contact: false\n"
        "  turn: {server: 'turn.example.org:5349', user: u, password: p, transport: tcp, only: true}\n",
    )
    config = load_config(path)
    assert config.nameserver == ("192.0.2.53", "192.0.2.54:5353")
    relay = TurnConfig(server="turn.example.org:5349", user="u", password="p", transport="tcp", only=True)
    assert config.nat == NatConfig(stun="stun.example.org", keep_alive_s=0, rewrite_contact=False, turn=relay)
    assert config.nat.uses_ice


def test_the_schema_tells_a_password() -> None:
    schema = msgspec.json.schema(EndpointConfig)["$defs"]["EndpointConfig"]["properties"]
    assert {"type": "string", "format": "password", "writeOnly": True} in schema["password"]["anyOf"]
    assert schema["port"]["maximum"] == 65535


@pytest.mark.parametrize("text", ["", "4000", "4000-", "-1-5", "4000-4100-4200", "a-b", "4000..4100"])
def test_a_range_of_ports_is_read_or_refused(text: str) -> None:
    assert parse_port_range(" 4000 - 4100 ") == (4000, 4100)
    with pytest.raises(ConfigError, match="such as 4000-4100"):
        parse_port_range(text)


# --- files --------------------------------------------------------------------------------------


def write(folder: Path, text: str) -> Path:
    path = folder / "endpoint.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("ports", ["4000-4100", "[4000, 4100]", '"4000 - 4100"'])
def test_a_file_is_loaded(tmp_path: Path, ports: str) -> None:
    path = write(tmp_path, f"srtp: off\nrtp_ports: {ports}\ntransports: [udp, tcp]\nrx_drop_pct: 2\n")
    assert load_config(path) == EndpointConfig(
        srtp=SrtpMode.OFF, rtp_ports=(4000, 4100), transports=(Transport.UDP, Transport.TCP), rx_drop_pct=2
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "srtp: madatory",
            "1: srtp: expected one of off, optional, mandatory, got 'madatory' (did you mean 'mandatory'?)",
        ),
        (
            "name: a\nmax_calls: 0",
            "2: max_calls: expected 1 or more, got 0",
        ),
        ("codecs:\n  - PCMA\n  - ' '", "3: codecs[1]: expected a name such as PCMA or PCMA/8000, got ' '"),
        (
            "srtp: off\nsuites: [AES_CM_128_HMAC_SHA1_80]",
            "2: suites: contradicts srtp: off (--srtp off), which has no use for it; remove suites, "
            "or set srtp to optional or mandatory",
        ),
        ("tls:\n  ca: a\n  cert: b", "3: tls.cert: needs a private key; set key too"),
        ("tls:\n  ca: no.pem", "2: tls.ca: FOLDER/no.pem: no such file"),
        (
            "rtp_ports: 4001-4100",
            "1: rtp_ports: expected an even first port (RFC 3550 section 11), got 4001-4100",
        ),
        ("password: 4711", "1: password: expected text, got another type of value (put it in quotes)"),
        ("transport: udp", "1: transport: unknown key (did you mean 'transports'?)"),
    ],
)  # fmt: skip
def test_an_error_names_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert str(refused.value) == f"{path}:{message.replace('FOLDER', str(tmp_path))}"


def make_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate and its key."""
    pair = trustme.CA().issue_cert(f"{name}.example.org")
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    pair.cert_chain_pems[0].write_to_path(cert)
    pair.private_key_pem.write_to_path(key)
    return cert, key


def test_tls_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certs = tmp_path / "certs"
    certs.mkdir()
    make_pair(certs, "a")
    path = write(tmp_path, "tls:\n  ca: certs/a.pem\n  cert: certs/a.pem\n  key: certs/a.key\n")
    expected = TlsConfig(ca=f"{certs}/a.pem", cert=f"{certs}/a.pem", key=f"{certs}/a.key")
    assert load_config(path).tls == expected
    monkeypatch.chdir(tmp_path)
    assert load_config("endpoint.yaml").tls == TlsConfig(
        ca="certs/a.pem", cert="certs/a.pem", key="certs/a.key"
    )


def test_files_of_tls_are_checked(tmp_path: Path) -> None:
    cert, key = map(str, make_pair(tmp_path, "a"))
    _, other = map(str, make_pair(tmp_path, "b"))
    locked = f"{tmp_path}/locked.key"
    header, rest = Path(key).read_text().split("\n", 1)
    encrypted = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n"
    Path(locked).write_text(f"{header}\n{encrypted}\n{rest}")
    TlsConfig(ca=cert, cert=cert, key=key).check_files()
    TlsConfig().check_files()
    for tls, message in (
        (
            TlsConfig(cert=cert, key=other),
            f"tls.key: {other} is not the private key of the certificate {cert}",
        ),
        (TlsConfig(cert=cert, key=cert), f"tls.key: {cert} contains no private key in PEM format"),
        (TlsConfig(cert=cert, key=locked), f"tls.key: {locked} has a passphrase"),
        (TlsConfig(cert=key, key=key), f"tls.cert: {key} contains no certificate in PEM format"),
        (TlsConfig(ca=key), f"tls.ca: {key} contains no certificate in PEM format"),
        (TlsConfig(ca=str(tmp_path)), f"tls.ca: {tmp_path}: cannot be read: Is a directory"),
        (TlsConfig(ca=f"{tmp_path}/no"), f"tls.ca: {tmp_path}/no: no such file"),
    ):
        with pytest.raises(SettingError, match=re.escape(message)):
            tls.check_files()


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/endpoints/*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_configs_load(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = make_pair(tmp_path, "a")
    monkeypatch.setenv("SRTPBOT_TLS_CERT", str(cert))
    monkeypatch.setenv("SRTPBOT_TLS_KEY", str(key))
    monkeypatch.delenv("SRTPBOT_TLS_CA", raising=False)
    config = load_config(path)
    assert config.name == path.stem
    assert config.bind == "127.0.0.1"
    expected = {"plain": SrtpMode.OFF, "parrot": SrtpMode.OPTIONAL}
    assert config.srtp is expected.get(path.stem, SrtpMode.MANDATORY)


def test_importing_it_loads_neither_yaml_nor_ssl() -> None:
    code = (
        "import bot.config, sys; print(sorted({'yaml', 'ssl', 'bot.config.yaml_reader'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("settings", "versions"),
    [
        ({}, (4,)),
        ({"bind": "0.0.0.0"}, (4,)),
        ({"bind": "127.0.0.1"}, (4,)),
        ({"bind": "::ffff:127.0.0.1"}, (4,)),
        ({"ipv6": True}, (4, 6)),
        ({"bind": "0.0.0.0", "ipv6": True}, (4, 6)),
        ({"bind": "::1"}, (6,)),
        ({"bind": "[::1]", "ipv6": True}, (6,)),
        ({"bind": "::"}, (6,)),
    ],
)
def test_ip_versions(settings: dict[str, Any], versions: tuple[int, ...]) -> None:
    assert EndpointConfig(**settings).ip_versions == versions


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bind": "127.0.0.1", "ipv6": True}, "^ipv6: contradicts bind"),
        ({"bind": "fe80::1%eth0"}, "^bind: expected an address without a zone"),
        ({"bind": "ff02::1"}, "^bind: expected the address of a network interface"),
        ({"bind": "::1", "proxy": "sip:127.0.0.1;lr"}, "^proxy: .*the endpoint has no IPv4; .*--bind"),
        ({"registrar": "sip:[::1]"}, "^registrar: .*the endpoint has no IPv6; .*--ipv6"),
        (
            {"accounts": [AccountConfig(id="sip:a@h", proxy="sip:[::1];lr")]},
            r"^accounts\[0\]\.proxy: .*the endpoint has no IPv6",
        ),
    ],
)
def test_settings_of_two_ip_versions(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EndpointConfig(**settings)
