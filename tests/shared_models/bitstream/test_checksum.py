import numpy as np
import pytest

from shared_models.bitstream import crc32c, symbols_crc32c


def test_crc32c_gives_the_check_value_of_its_definition() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32/ISCSI


def test_symbols_are_summed_as_little_endian_int16_in_c_order() -> None:
    symbols = np.array([[1, -2], [300, -32768]], np.int16)
    expected = crc32c(bytes([1, 0, 0xFE, 0xFF, 0x2C, 0x01, 0x00, 0x80]))
    assert symbols_crc32c(symbols) == expected
    assert symbols_crc32c(np.asfortranarray(symbols)) == expected
    assert symbols_crc32c(symbols.astype(">i2")) == expected
    assert symbols_crc32c(symbols.T) != expected


def test_symbols_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError, match="int32"):
        symbols_crc32c(np.zeros(3, np.int32))
