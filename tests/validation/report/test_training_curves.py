"""Curves come from the log that training writes, whatever else stands in it."""

from mdgen.training.log import Logger
from mdgen.validation.report.training_curves import last_held_out, training_charts


def write_log(path):
    logger = Logger(path, "vae", 30, open("/dev/null", "w"))
    for step in (10, 20, 30):
        logger.log(step, loss=1 / step, kl=0.0 if step == 10 else 2.0, gradient_norm=9.0, learning_rate=1e-3)
    logger.log(30, validation_psnr_db=25.0)
    logger.close()
    logger = Logger(path, "diffusion", 20, open("/dev/null", "w"))
    for step in (10, 20):
        logger.log(step, loss=float("nan") if step == 10 else 0.5, error=0.1 * step)
        logger.log(step, validation_error=0.02 * step)
    logger.close()


def test_every_stage_has_its_losses_and_what_was_taken_more_than_once_of_held_out_images(tmp_path):
    write_log(tmp_path / "log.jsonl")
    charts = {chart.name: chart for chart in training_charts(tmp_path / "log.jsonl")}
    assert list(charts) == ["training_vae", "training_diffusion", "training_diffusion_validation_error"]
    vae = charts["training_vae"]
    assert [tuple(series) for series in vae.series] == [("loss", [10, 20, 30], [1 / 10, 1 / 20, 1 / 30], None),
                                                        ("kl", [20, 30], [2.0, 2.0], None)]   # 0 has no logarithm
    assert vae.log_y and [series.label for series in charts["training_diffusion"].series] == ["error"]
    assert charts["training_diffusion_validation_error"].series[0].ys == [0.2, 0.4]
    assert all(chart.drawing().svg() for chart in charts.values())
    assert last_held_out(tmp_path / "log.jsonl") == [("vae", "psnr db", 30, 25.0), ("diffusion", "error", 20, 0.4)]


def test_lines_that_are_no_entries_are_passed_over(tmp_path):
    path = tmp_path / "log.jsonl"
    write_log(path)
    wanted = training_charts(path)
    text = path.read_text()
    path.write_text('{"stage": "vae", "step": 10, "lo\n[1]\n"x"\n\n{"step": 3}\n{"stage": 4, "step": 1, "loss": 2}\n'
                    '{"stage": "vae", "step": null, "loss": 2}\n' + text + '{"stage": "vae", "note": "by hand"}\n'
                    '{"stage": "vae", "step": 40, "loss": "none", "kl": null, "ok": true}\n')
    assert training_charts(path) == wanted


def test_no_log_is_no_chart(tmp_path):
    assert training_charts(None) == training_charts(tmp_path / "log.jsonl") == last_held_out(None) == []
