import pytest

from mdgen.config.presets import PRESETS, preset
from mdgen.config.resolution import at_resolution, fitting_size
from mdgen.errors import RequestError


def grid(config):
    return config.data.height // config.vae.down_factor, config.data.width // config.vae.down_factor


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("size", [64, 128, 256])
def test_the_latent_grid_stays_whatever_the_pictures_size(name, size):
    config = preset(name)
    if size / config.data.height * config.vae.down_factor >= 4:   # fewer pixels than 4 to a cell hold nothing
        assert grid(at_resolution(config, size, size)) == grid(config)


def test_the_presets_own_size_changes_nothing():
    for name in PRESETS:
        config = preset(name)
        assert at_resolution(config, config.data.height, config.data.width) == config


def test_channels_follow_the_down_factor():
    found = {size: at_resolution(preset("small"), size, size).vae for size in (64, 128, 256)}
    assert [(vae.down_factor, vae.latent_channels) for vae in found.values()] == [(4, 12), (8, 32), (16, 64)]


@pytest.mark.parametrize("source, size", [
    ((256, 256), (256, 256)), ((64, 64), (64, 64)), ((128, 256), (128, 256)), ((250, 200), (256, 192)),
    ((656, 875), (192, 256)), ((1024, 1024), (256, 256)), ((20, 20), (16, 16)), ((1, 3000), (8, 256))])
def test_sources_keep_their_shape_and_fit_whole_cells(source, size):
    config = preset("small")
    assert fitting_size(config, *source) == size
    at_resolution(config, *size)   # which checks it


@pytest.mark.parametrize("name", PRESETS)
def test_every_size_is_brought_to_one_that_is_taken_and_stays_where_it_is_asked_for_again(name):
    """The same command has to go on with the run that it began."""
    config = preset(name)
    for height in range(8, 400, 17):
        for width in range(8, 400, 13):
            at_resolution(config, *fitting_size(config, height, width))
    for height in (32, 64, 128, 256):
        for columns in range(10, 130):
            found = at_resolution(config, height, height, columns)
            room = found.data.columns
            assert room >= columns and at_resolution(config, height, height, room) == found
            assert at_resolution(found, height, height, room) == found


def test_what_no_whole_cell_fills_is_refused():
    with pytest.raises(RequestError, match="data.height is 250; expected a multiple of 32"):
        at_resolution(preset("small"), 250, 256)
