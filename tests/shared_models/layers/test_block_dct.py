import torch

from shared_models.layers.block_dct import CHANNELS, BlockDct, InverseBlockDct, dct_kernels, zigzag


def test_the_basis_pictures_are_orthonormal() -> None:
    basis = dct_kernels().reshape(64, 64)
    torch.testing.assert_close(basis @ basis.T, torch.eye(64, dtype=torch.float64))


def test_the_inverse_gives_the_picture_back() -> None:
    x = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        coefficients = BlockDct()(x)
        restored = InverseBlockDct()(coefficients)
    assert coefficients.shape == (2, CHANNELS, 4, 6)
    torch.testing.assert_close(restored, x, atol=1e-5, rtol=0)


def test_the_zigzag_starts_and_ends_as_jpegs() -> None:
    order = [8 * v + u for v, u in zigzag()]
    assert order[:10] == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
    assert order[-4:] == [47, 55, 62, 63]


def test_a_grey_picture_has_nothing_but_the_luma_mean() -> None:
    with torch.no_grad():
        coefficients = BlockDct()(torch.full((1, 3, 8, 8), 0.75))
    expected = torch.zeros(CHANNELS)
    expected[0] = 8 * 0.25
    torch.testing.assert_close(coefficients.flatten(), expected, atol=1e-5, rtol=0)
