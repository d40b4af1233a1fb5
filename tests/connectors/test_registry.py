"""The table of connectors: options are checked before anything is called."""

from __future__ import annotations

import pytest

from connectors.contract import InvalidOption
from connectors.registry import CONNECTORS, load_profile, open_file, profile_names, request_rate

URL = "https://source.example/base"


def error_of(kind, **more) -> InvalidOption:
    with pytest.raises(InvalidOption) as caught:
        CONNECTORS[kind].build(**{"url": URL, "token": None, "options": {}} | more)
    return caught.value


def test_good_options_are_taken():
    crm = CONNECTORS["crm"].build(url=URL + "/", token=None, options={"first_days": "7", "rate": "0.5"})
    assert (crm.options.first_days, crm.options.lookback_days, crm.client.base_url) == (7, 45, URL)
    jaki = CONNECTORS["jaki"].build(
        url=URL, token="word", options={"lookback_minutes": "30", "timezone": "Asia/Jayapura"}
    )
    assert (jaki.options.lookback_minutes, jaki.client.token) == (30, "word")


@pytest.mark.parametrize(
    ("kind", "name", "word"),
    [
        ("crm", "colour", "red"),
        ("crm", "first_days", "many"),
        ("crm", "first_days", "-1"),
        ("crm", "lookback_days", "99999999999"),
        ("crm", "timezone", "Mars/Base"),
        ("crm", "timezone", ""),
        ("crm", "rate", "0"),
        ("crm", "rate", "nan"),
        ("jaki", "lookback_minutes", "1.5"),
        ("jaki", "rate", "fast"),
        ("jaki", "profile", "boston311"),
    ],
)
def test_an_unknown_option_or_a_bad_value_is_named(kind, name, word):
    found = error_of(kind, options={name: word})
    assert found.name == name
    assert found.message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "source.example",
        "ftp://source.example",
        "https://",
        "https://me:word@source.example",
        "https://a.b?x=1",
        "http://[::1",
    ],
)
def test_a_bad_address_is_refused_without_being_shown(url):
    found = error_of("crm", url=url)
    assert found.name == "url"
    assert "word@" not in str(found)


def test_a_file_needs_a_profile_and_a_path():
    assert error_of("spreadsheet", url="a.csv").name == "profile"
    assert error_of("spreadsheet", url="https://a.example/a.csv", options={"profile": "boston311"}).name == "url"
    assert error_of("spreadsheet", url="a.csv", options={"profile": "absent"}).name == "profile"
    assert error_of("spreadsheet", url="a.csv", options={"profile": "boston311", "delimiter": "::"}).name == "delimiter"
    found = CONNECTORS["spreadsheet"].build(url="file:///a/b.csv", token=None, options={"profile": "nyc311"})
    assert found.file.as_posix() == "/a/b.csv"


def test_a_file_can_be_opened_by_the_name_of_each_profile():
    assert profile_names() == ("boston311", "la311", "lapor", "nyc311")
    for name in profile_names():
        assert open_file(b"", name).profile == load_profile(name)


def test_the_rate_of_a_source_is_its_option_or_the_default():
    assert (request_rate({"rate": "2"}, 5.0), request_rate({}, 5.0)) == (2.0, 5.0)
