import pytest
import torch

from mdgen.config import DataConfig, EvaluationConfig
from mdgen.data.splits import Split
from mdgen.data.user_folders import UserFolders
from mdgen.validation.judges.identity_claim import IdentityJudges
from mdgen.validation.judges.siamese import embed
from mdgen.validation.metrics.verification import verification

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def judges(tiny_data, tmp_path_factory):
    split = Split.of(UserFolders(tiny_data, height=32, width=32, channels="auto"), DataConfig(height=32, width=32))
    config = EvaluationConfig(classifier_steps=40, siamese_steps=30)
    return IdentityJudges.of(split, config, tmp_path_factory.mktemp("judges"), seed=0, device=CPU)


def rows_of(judges, user):
    return judges.split.validation[judges.split.validation_users == user]


@pytest.mark.parametrize("user", [0, 1, 2])
def test_real_images_pass_as_their_user_and_those_of_others_do_not(judges, user):
    folders, other = judges.split.folders, (user + 1) % 3
    honest = judges.claim(user, folders, rows_of(judges, user))
    impostor = judges.claim(user, folders, rows_of(judges, other))
    assert honest["n"] == len(rows_of(judges, user)) and honest["recognised"] == 1.0 and impostor["recognised"] == 0.0
    assert honest["auc"] > 0.9 > 0.6 > impostor["auc"]   # half of the impostors may be even farther
    assert honest["rank1"] == 1.0 and impostor["rank1"] == 0.0
    assert honest["prototype_margin"] > 0 > impostor["prototype_margin"]
    assert honest["confidence"] > impostor["confidence"]


def test_what_a_person_was_enrolled_from_is_no_evidence(judges):
    """Copies of the enrolment images are at distance 0 of the gallery unless it leaves them out."""
    split, user = judges.split, 1
    used = split.train[split.train_users == user][:3]
    copied, judged = (judges.claim(user, split.folders, used, without) for without in ((), used))
    rows = torch.tensor([row for row in split.train.tolist() if row not in used.tolist()])
    expected = verification(*embed(judges.siamese, split.folders, rows, CPU),
                            *embed(judges.siamese, split.folders, used, CPU))
    assert judged["auc"] == expected["auc"] and judged["prototype_margin"] == expected["prototype_margin"]
    assert copied["prototype_margin"] != judged["prototype_margin"]
