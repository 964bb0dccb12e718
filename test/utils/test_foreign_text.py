"""Texts of others: what is not printable is shown, and never reaches a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.utils.foreign_text import MAX_LENGTH, plain_lines, plain_text


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('forward 1.5 m/s², τ 0.1 s', 'forward 1.5 m/s², τ 0.1 s'),
        ('Kamera Süd, 前方', 'Kamera Süd, 前方'),
        ('\x1b[2J\x1b[31mall is well', '\\x1b[2J\\x1b[31mall is well'),
        ('one\ntwo\r\x07', 'one\\ntwo\\r\\x07'),
        ('\x9b31m', '\\x9b31m'),
        ('abc\u202edef\u2028', 'abc\\u202edef\\u2028'),
        ('\ud800\x00', '\\ud800\\x00'),
        ('', ''),
    ],
)
def test_what_is_not_printable_is_written_as_an_escape(text, shown):
    assert plain_text(text) == shown


@given(st.text(alphabet=st.characters(), max_size=60))
def test_no_text_holds_a_control_character_or_fails_to_be_encoded(text):
    shown = plain_text(text)
    shown.encode()
    assert not {unicodedata.category(character) for character in shown} & {
        *('Cc', 'Cf', 'Cs', 'Co', 'Cn', 'Zl', 'Zp'),
    }
    assert plain_text(shown) == shown


def test_a_text_has_an_end_and_lines_stay_lines():
    assert plain_text('a' * 10**6) == 'a' * MAX_LENGTH + '...'
    assert plain_lines('one\n\x1btwo\n') == 'one\n\\x1btwo\n'
