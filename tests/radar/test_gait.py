import json
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.radar import Walker, gait, simulate_walk, skeleton

# Height, speed -> RV, stride, cycle, step rate, support, extreme forward speeds of segment middles: computed
# independently of this code, without pelvis roll and upper-body pitch.
CHECKS = [
    (1.60, 1.0, 1.18, 1.24, 1.239, 1.61, 0.637,
     dict(torso=(0.79, 1.21), thigh=(0.60, 1.66), shank=(0.16, 2.66),
          foot=(-0.56, 4.32), upper_arm=(0.76, 1.41), forearm=(0.58, 1.82))),
    (1.70, 1.2, 1.33, 1.40, 1.166, 1.71, 0.629,
     dict(torso=(0.97, 1.43), thigh=(0.76, 1.95), shank=(0.25, 3.07),
          foot=(-0.57, 4.93), upper_arm=(0.94, 1.68), forearm=(0.67, 2.19))),
    (1.75, 1.3, 1.40, 1.48, 1.137, 1.76, 0.626,
     dict(torso=(1.07, 1.53), thigh=(0.85, 2.09), shank=(0.29, 3.28),
          foot=(-0.62, 5.25), upper_arm=(1.04, 1.82), forearm=(0.68, 2.38))),
    (1.85, 1.6, 1.63, 1.69, 1.054, 1.90, 0.616,
     dict(torso=(1.35, 1.85), thigh=(1.13, 2.53), shank=(0.39, 3.91),
          foot=(-0.78, 6.16), upper_arm=(1.30, 2.23), forearm=(0.71, 2.97))),
]
REGIMES = [dict(height=1.7, speed=0.4), dict(height=1.7, speed=0.9), dict(height=1.7, speed=1.9)]


@pytest.fixture
def upright_trunk(monkeypatch):
    """The walking model without pelvis roll and upper-body pitch, as the check values were made."""
    full = gait.trunk_motion

    def upright(walker, phase):
        sway, pitch, roll, pelvis_yaw, thorax_yaw = full(walker, phase)
        return sway, 0 * pitch, 0 * roll, pelvis_yaw, thorax_yaw

    monkeypatch.setattr(gait, "trunk_motion", upright)


@pytest.mark.parametrize("row", CHECKS, ids=lambda row: f"{row[0]}m-{row[1]}mps")
def test_the_independent_check_values_are_met(row, upright_trunk):
    height, speed, relative, stride, cycle, steps, support, ranges = row
    walker = Walker(height=height, speed=speed)
    assert walker.relative_speed == pytest.approx(relative, abs=0.006)
    assert walker.cycle_s == pytest.approx(cycle, rel=2e-3)
    assert walker.cycle_s * speed == pytest.approx(stride, abs=0.006)
    assert walker.step_rate_hz == pytest.approx(steps, abs=0.006)
    assert 0.752 - 0.143 / walker.cycle_s == pytest.approx(support, abs=1e-3)
    walk = simulate_walk(walker, np.linspace(0, walker.cycle_s, 1500))
    for part, (low, high) in ranges.items():
        forward = walk.middle(part if part == "torso" else f"right_{part}")[1][:, 0]
        assert forward.max() == pytest.approx(high, rel=0.03), part
        assert forward.min() == pytest.approx(low, abs=0.03 * high), part


@pytest.mark.parametrize("fields", REGIMES)
def test_left_limbs_are_mirrored_right_limbs_half_a_cycle_later(fields):
    walker = Walker(**fields)
    times, half = np.linspace(0, walker.cycle_s, 200), walker.cycle_s / 2
    now, later = simulate_walk(walker, times), simulate_walk(walker, times + half)
    for part in skeleton.PAIRED:
        right, left = now.middle(f"right_{part}")[0], later.middle(f"left_{part}")[0]
        np.testing.assert_allclose(left * [1, -1, 1] - [walker.speed * half, 0, 0], right, atol=1e-9)


@pytest.mark.parametrize("fields", REGIMES)
def test_positions_repeat_every_stride_and_the_torso_keeps_the_speed(fields):
    walker = Walker(**fields, asymmetry=0.1, phase_shift=0.02, cadence=1.1, surge=-0.8)
    times = np.linspace(0, walker.cycle_s, 1001)
    first, second = simulate_walk(walker, times, 0.3), simulate_walk(walker, times + walker.cycle_s, 0.3)
    np.testing.assert_allclose(second.end - first.end, np.broadcast_to(
        [walker.speed * walker.cycle_s, 0, 0], first.end.shape), atol=1e-9)
    assert first.middle("torso")[1][:-1, 0].mean() == pytest.approx(walker.speed, rel=1e-6)


@pytest.mark.parametrize("fields", REGIMES)
def test_angle_curves_pass_through_their_control_points(fields):
    walker = Walker(**fields)
    points = gait.control_points(walker.relative_speed, 0.752 - 0.143 / walker.cycle_s)
    assert set(points) == {"hip", "knee", "ankle", "elbow"}
    for joint, (times, degrees) in points.items():
        right = gait.joint_angles(walker, times)[joint][1]
        np.testing.assert_allclose(np.rad2deg(right), degrees, atol=1e-6)


@pytest.mark.parametrize("border", [0.5, 1.3])
def test_speed_regimes_meet_without_a_jump(border):
    phase = np.linspace(0, 1, 101)
    speeds = [border * skeleton.HIP_HEIGHT * 1.7 * (1 + e) for e in (-1e-6, 1e-6)]
    below, above = (gait.joint_angles(Walker(height=1.7, speed=v), phase) for v in speeds)
    for joint in ("hip", "knee", "elbow"):
        np.testing.assert_allclose(below[joint], above[joint], atol=0.02)  # the published hip jumps 0.6 deg
    below, above = (gait.trunk_motion(Walker(height=1.7, speed=v), phase)[0] for v in speeds)
    np.testing.assert_allclose(below, above, atol=1e-5)


def test_segments_keep_their_lengths_and_velocity_is_the_derivative_of_position():
    walker = Walker(height=1.8)
    times = np.linspace(0, 1, 2001)
    walk = simulate_walk(walker, times)
    lengths = np.linalg.norm(walk.end - walk.start, axis=-1)
    expected = dict(right_thigh=0.245, left_shank=0.246, right_forearm=0.145, left_upper_arm=0.188,
                    torso=0.288)
    for name, share in expected.items():
        np.testing.assert_allclose(lengths[walk.names.index(name)], share * 1.8, rtol=1e-9)
    numeric = np.gradient(walk.end, times, axis=1)[:, 1:-1]
    assert np.abs(numeric - walk.end_velocity[:, 1:-1]).max() < 0.03
    assert len(walk.names) >= 16
    assert walk.end[walk.names.index("head"), :, 2].max() == pytest.approx(1.8, abs=0.02)


def test_torso_bobs_at_the_step_rate():
    walker = Walker()
    velocity = simulate_walk(walker, np.arange(1000) / 1000 * 4 * walker.cycle_s).middle("torso")[1][:, 0]
    spectrum = np.abs(np.fft.rfft(velocity - velocity.mean()))
    assert spectrum.argmax() == 8                                  # four cycles, two swings each
    assert spectrum[8] > 20 * np.delete(spectrum, 8).max()


def test_personal_multipliers_act_on_their_own_limb():
    times = np.linspace(0, 2, 400)
    plain = simulate_walk(Walker(), times)

    def reach(walk, name):
        relative = walk.middle(name)[0] - walk.start[walk.names.index("torso")]
        return np.ptp(relative[:, 0])

    arms = simulate_walk(Walker(arm_swing=1.5), times)
    assert reach(arms, "right_forearm") > 1.3 * reach(plain, "right_forearm")
    assert reach(arms, "right_foot") == pytest.approx(reach(plain, "right_foot"))
    uneven = simulate_walk(Walker(asymmetry=0.1), times)
    assert reach(uneven, "left_foot") > 1.15 * reach(uneven, "right_foot")
    assert simulate_walk(Walker(build=1.2), times).radius == pytest.approx(1.2 * plain.radius)
    assert Walker(cadence=1.1).step_rate_hz == pytest.approx(1.1 * Walker().step_rate_hz)
    quick = simulate_walk(Walker(cadence=1.2), times)  # at the same speed, more steps are shorter
    assert reach(quick, "right_thigh") == pytest.approx(reach(plain, "right_thigh") / 1.2, rel=0.05)


def test_walker_survives_json_and_refuses_what_the_model_does_not_cover():
    walker = Walker(height=1.62, arm_swing=1.3, surge=-0.7)
    assert Walker(**json.loads(json.dumps(asdict(walker)))) == walker
    with pytest.raises(RequestError, match=r"3\.\d+ hip heights.*\(0, 2\.70\] m/s"):
        Walker(height=1.7, speed=2.8)
    with pytest.raises(RequestError, match="height is -1"):
        Walker(height=-1)
    with pytest.raises(RequestError):
        Walker(speed=0)
    for name in asdict(walker):
        with pytest.raises(RequestError, match=f"walker {name} is nan; expected a finite number"):
            Walker(**{name: float("nan")})
    with pytest.raises(RequestError, match="walker height is '1'"):
        Walker(height="1")
    with pytest.raises(RequestError, match="limp is 1"):
        Walker(limp=1)
    with pytest.raises(RequestError, match="foot_lock is 1.5"):
        Walker(foot_lock=1.5)


def test_stride_is_speed_over_stride_rate():
    assert Walker(height=1.75, speed=1.3).stride_m == pytest.approx(1.48, abs=0.006)
    assert Walker(cadence=1.1).stride_m == pytest.approx(Walker().stride_m / 1.1)


# --- planted feet ---

def lowest_foot_velocity(walker):
    """Forward velocity [T] m/s of the lower of the right foot's ends, over the middle of its stance."""
    times = np.linspace(0.08, walker.support - 0.08, 200) * walker.cycle_s
    walk = simulate_walk(walker, times)
    foot, up = walk.names.index("right_foot"), np.array([0, 0, 0.039 * walker.height])
    heel, toe = walk.start[foot] - up, walk.end[foot]
    return np.where(heel[:, 2] < toe[:, 2] - 0.02, walk.start_velocity[foot, :, 0], walk.end_velocity[foot, :, 0])


@pytest.mark.parametrize("fields", REGIMES)
def test_a_locked_foot_stands_still_while_it_bears_the_body(fields):
    sliding, locked = (np.abs(lowest_foot_velocity(Walker(**fields, foot_lock=f))).mean() for f in (0.0, 1.0))
    assert sliding > 0.2 and locked < 0.3 * sliding


@pytest.mark.parametrize("fields", REGIMES)
def test_locking_the_feet_leaves_trunk_lengths_and_symmetry_alone(fields):
    free, locked = Walker(**fields), Walker(**fields, foot_lock=1.0)
    times = np.linspace(0, locked.cycle_s, 120)
    first, second = simulate_walk(free, times), simulate_walk(locked, times)
    np.testing.assert_array_equal(second.middle("torso")[1], first.middle("torso")[1])
    lengths = [np.linalg.norm(walk.end - walk.start, axis=-1) for walk in (first, second)]
    np.testing.assert_allclose(lengths[1], lengths[0], rtol=1e-9)
    later = simulate_walk(locked, times + locked.cycle_s / 2)
    np.testing.assert_allclose(later.middle("left_shank")[1] * [1, -1, 1], second.middle("right_shank")[1], atol=2e-3)


# --- uneven walks ---

def heel_strikes(walk, side):
    """Times of the foremost places of a foot before the body, about its heel strikes."""
    ahead = walk.middle(f"{side}_foot")[0][:, 0] - walk.middle("torso")[0][:, 0]
    return walk.times[1:-1][(ahead[1:-1] > ahead[:-2]) & (ahead[1:-1] >= ahead[2:])]


def test_a_limp_shortens_the_step_on_the_spared_leg_and_its_swing():
    walker = Walker(limp=0.6)
    walk = simulate_walk(walker, np.arange(0, 4 * walker.cycle_s, 2e-3))
    left, right = heel_strikes(walk, "left"), heel_strikes(walk, "right")
    bearing = (right[right > left[0]][0] - left[0]) / walker.cycle_s      # from left heel strike to right
    assert 0.3 < bearing < 0.45
    np.testing.assert_allclose(np.diff(left), walker.cycle_s, rtol=0.02)  # the cadence stays
    reach = {side: np.ptp(walk.middle(f"{side}_foot")[0][:, 0] - walk.middle("torso")[0][:, 0])
             for side in ("left", "right")}
    assert reach["left"] < 0.9 * reach["right"]
    mirrored = simulate_walk(Walker(limp=-0.6), np.arange(0, 4 * walker.cycle_s, 2e-3))
    assert np.ptp(mirrored.middle("right_foot")[1][:, 0]) < np.ptp(mirrored.middle("left_foot")[1][:, 0])


def test_a_carried_bag_stills_one_arm_alone():
    times = np.linspace(0, 2, 400)
    plain, bag = simulate_walk(Walker(), times), simulate_walk(Walker(left_arm=0.1), times)

    def swing(walk, name):
        return np.ptp(walk.middle(name)[0][:, 0] - walk.start[walk.names.index(name.replace("fore", "upper_"))][:, 0])

    assert swing(bag, "left_forearm") < 0.25 * swing(plain, "left_forearm")
    for name in plain.names:
        if name not in ("left_forearm", "left_upper_arm"):
            np.testing.assert_array_equal(bag.middle(name)[0], plain.middle(name)[0])


def test_radar_package_works_without_torch():
    code = "import sys, mdgen.radar; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
