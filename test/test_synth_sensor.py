"""What a sensor does to a picture: each option alone against what physics says."""
import numpy as np
import pytest

from ros2_occpose.errors import ConfigError, InputError
from ros2_occpose.synth.motion_blur import blurred
from ros2_occpose.synth.renderer import Rendered
from ros2_occpose.synth.sensor import GAMMA, Sensor, SensorConfig, draw_sensor


def grey(value=128, size=(60, 80), flow=None):
    return Rendered(np.full((*size, 3), value, np.uint8), np.full(size, 2.0, np.float32),
                    np.zeros(size, np.int32), flow)


def striped(flow=None):
    """White to the right of x = 40."""
    out = grey(0, flow=flow)
    out.image[:, 40:] = 255
    return out


def take(rendered, index=0, seed=0, **options):
    return Sensor(SensorConfig(**options), seed).take(rendered, index).astype(float)


def linear(image):
    return (image / 255) ** GAMMA


def test_the_defaults_change_nothing(rng):
    picture = grey()
    picture.image[:] = rng.integers(0, 256, picture.image.shape)
    assert np.array_equal(take(picture), picture.image)


def test_a_stop_doubles_the_light():
    before, after = (linear(take(grey(90), exposure_ev=ev)).mean() for ev in (0, 1))
    assert after / before == pytest.approx(2, rel=0.02)


def test_white_balance_gains_red_and_blue():
    blue, green, red = linear(take(grey(90), white_balance=(1.5, 0.5))).mean((0, 1))
    assert red / green == pytest.approx(1.5, rel=0.02)
    assert blue / green == pytest.approx(0.5, rel=0.04)


def test_corners_lack_the_light_of_the_vignette():
    image = linear(take(grey(200), vignette=0.4))
    assert image[0, 0].mean() / image[30, 40].mean() == pytest.approx(0.6, rel=0.03)


@pytest.mark.parametrize('value', [60, 180])
def test_shot_noise_grows_with_the_root_of_the_light(value):
    image = linear(take(grey(value, (200, 300)), full_well_e=2000, read_noise_e=4))
    light = linear(value)
    expected = np.sqrt(light / 2000 + (4 / 2000) ** 2)
    assert image.mean() == pytest.approx(light, rel=0.02)
    assert image.std() == pytest.approx(expected, rel=0.05)


def test_noise_of_a_mosaic_is_shared_by_neighbours_and_keeps_colours():
    image = take(grey(128, (200, 300)), full_well_e=500, mosaic=True)[..., 1]
    noise = image - image.mean()
    neighbours = (noise[:, 1:] * noise[:, :-1]).mean() / noise.var()
    assert neighbours > 0.2
    coloured = grey(0, (40, 40))
    coloured.image[:] = (40, 120, 200)
    assert np.abs(take(coloured, mosaic=True) - coloured.image).max() <= 1


def test_noise_depends_on_frame_and_seed_alone():
    options = {'full_well_e': 500, 'jpeg_quality': 80, 'mosaic': True}
    first = take(grey(), 3, 7, **options)
    assert np.array_equal(first, take(grey(), 3, 7, **options))
    assert not np.array_equal(first, take(grey(), 4, 7, **options))
    assert not np.array_equal(first, take(grey(), 3, 8, **options))


def test_jpeg_of_low_quality_changes_more(rng):
    picture = grey()
    picture.image[:] = rng.integers(0, 256, picture.image.shape)
    error = [np.abs(take(picture, jpeg_quality=q) - picture.image).mean() for q in (95, 40)]
    assert 0 < error[0] < error[1]


def test_sharpening_overshoots_and_contrast_spreads():
    edge = striped()
    edge.image[:] = np.where(edge.image > 0, 170, 80)
    assert take(edge, sharpen=0.8).max() > 175
    assert np.ptp(take(edge, contrast=1.3)) == pytest.approx(1.3 * 90, abs=2)


def test_motion_smears_an_edge_over_the_way_of_the_open_shutter():
    flow = np.zeros((60, 80, 2), np.float32)
    flow[..., 0] = 20
    profile = linear(take(striped(flow), shutter=0.5))[30, :, 1]
    assert profile[30] < 0.01
    assert profile[50] > 0.99
    assert profile[40] == pytest.approx(0.5, abs=0.12)
    assert (np.diff(profile) > -0.02).all()
    assert np.count_nonzero((profile > 0.03) & (profile < 0.97)) == pytest.approx(10, abs=3)


def test_a_moving_thing_smears_over_what_stands_still_and_not_the_reverse():
    light = np.zeros((60, 80, 3), np.float32)
    depth = np.full((60, 80), 4.0, np.float32)
    smear = np.zeros((60, 80, 2), np.float32)
    thing = slice(30, 50)
    light[:, thing], depth[:, thing], smear[:, thing, 0] = 1.0, 2.0, 12.0
    out = blurred(light, depth, smear)[30, :, 0]
    assert 0.02 < out[27] < 0.9             # beyond its edge: half seen through
    assert 0.02 < out[52] < 0.9
    assert out[40] == pytest.approx(1, abs=0.02)
    assert out[15] == 0
    still = blurred(light, depth, np.zeros_like(smear))
    assert np.array_equal(still, light)


def test_wrong_options_say_so():
    with pytest.raises(InputError, match='since'):
        take(grey(), shutter=0.5)
    with pytest.raises(ConfigError, match='shutter'):
        SensorConfig(shutter=2)
    with pytest.raises(ConfigError, match='JPEG'):
        SensorConfig(jpeg_quality=101)


@pytest.mark.parametrize('seed', range(5))
def test_ordinary_cameras_take_ordinary_pictures(seed):
    config = draw_sensor(np.random.default_rng(seed))
    flow = np.ones((60, 80, 2), np.float32)
    image = Sensor(config, seed).take(grey(128, flow=flow), 0)
    assert image.dtype == np.uint8
    assert 60 < image.mean() < 200
    assert 0.5 < image.std() < 30
