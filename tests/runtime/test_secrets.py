"""What never reaches a log or a printed configuration."""

import pytest

from runtime.secrets import is_secret_name, mask_url_passwords


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.7/live", "rtsp://admin:********@10.0.0.7/live"),
        ("rtsp://admin:s3@cret@10.0.0.7:554/a@b", "rtsp://admin:********@10.0.0.7:554/a@b"),
        ("rtsp://:s3cret@10.0.0.7/live", "rtsp://:********@10.0.0.7/live"),
        ("rtsp://10.0.0.7/user=admin&password=s3cret&channel=1",
         "rtsp://10.0.0.7/user=admin&password=********&channel=1"),
        ("http://10.0.0.8/video?user=a&PWD=s3cret", "http://10.0.0.8/video?user=a&PWD=********"),
    ],
)  # fmt: skip
def test_the_password_of_a_url_is_masked_and_the_rest_stays(url: str, shown: str) -> None:
    assert mask_url_passwords(f"cannot open {url} now") == f"cannot open {shown} now"


@pytest.mark.parametrize("url", ["rtsp://10.0.0.7:554/stream1", "http://[::1]:80/a", "10.0.0.7:7443"])
def test_an_address_without_a_password_stays(url: str) -> None:
    assert mask_url_passwords(url) == url


def test_files_that_hold_secrets_are_named() -> None:
    assert is_secret_name("token")
    assert not is_secret_name("token_file")
