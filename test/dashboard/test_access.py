"""Who may see the page and stop the vehicle, and what a token is."""

import os

import pytest

from liquid_pilot.dashboard.access import Access, read_token
from liquid_pilot.interfaces import LiquidPilotError

TOKEN = 'a-long-enough-token_1'


@pytest.mark.parametrize(
    ('host', 'accepted'),
    [
        ('127.0.0.1:8470', True),
        ('localhost:8470', True),
        ('LOCALHOST', True),
        ('[::1]:8470', True),
        ('127.8.9.1', True),
        ('rebound.example.com:8470', False),
        ('192.168.1.7:8470', False),
        ('127.0.0.1.example.com', False),
        ('localhost.example.com', False),
        ('', False),
        ('[::1', False),
        ('127.0.0.1@example.com', False),
    ],
)
def test_on_the_loopback_only_names_of_the_loopback_are_served(host, accepted):
    assert Access('127.0.0.1', '').accepts_host(host) is accepted


@pytest.mark.parametrize(
    ('origin', 'accepted'),
    [
        (None, True),
        ('http://127.0.0.1:8470', True),
        ('http://127.0.0.1:9999', False),
        ('http://localhost:8470', False),
        ('https://example.com', False),
        ('null', False),
        ('', False),
        ('file://', False),
        ('http://[', False),
    ],
)
def test_only_pages_of_this_server_may_ask(origin, accepted):
    assert Access('127.0.0.1', '').accepts_origin(origin, '127.0.0.1:8470') is accepted


def test_beyond_the_loopback_there_is_a_token():
    for host in ('0.0.0.0', '192.168.1.7', '::', 'robot.local'):
        with pytest.raises(LiquidPilotError, match='a token is needed'):
            Access(host, '')
        assert Access(host, TOKEN).accepts_host('robot.local:8470')


def test_without_a_token_all_may_read_and_nobody_may_stop():
    access = Access('127.0.0.1', '')
    assert access.may_read('') and access.may_read('whatever')
    assert not access.accepts_token('') and not access.accepts_token('whatever')


def test_with_a_token_it_is_needed_to_read_too():
    access = Access('127.0.0.1', TOKEN)
    assert not access.may_read('') and not access.may_read(TOKEN[:-1])
    assert access.may_read(TOKEN) and access.accepts_token(TOKEN)
    assert not access.accepts_token('ö' * len(TOKEN))


def test_a_token_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    file = tmp_path / 'token'
    token = read_token(str(file))
    assert len(token) >= 32 and read_token(str(file)) == token
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_token('') == ''


@pytest.mark.parametrize('content', [b'', b'short', b'a token with spaces', b'\xff' * 20])
def test_what_is_no_token_is_refused(tmp_path, content):
    file = tmp_path / 'token'
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(LiquidPilotError, match='token_file'):
        read_token(str(file))


def test_a_token_that_others_may_read_is_refused(tmp_path):
    file = tmp_path / 'token'
    file.write_text(TOKEN)
    file.chmod(0o644)
    with pytest.raises(LiquidPilotError, match='chmod 600'):
        read_token(str(file))
    with pytest.raises(LiquidPilotError, match='cannot be used'):
        read_token(str(tmp_path / 'missing' / 'token'))
    os.mkfifo(tmp_path / 'pipe', 0o600)
    with pytest.raises(LiquidPilotError, match='not a file'):
        read_token(str(tmp_path / 'pipe'))
