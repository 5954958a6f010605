"""The wording guard against its corpora (rules M4, M5)."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.wording import KINDS, RULES, check_wording

FOLDER = Path(__file__).parent
#: The sentences of the one who wrote no guard, and those the guard was designed with.
CORPORA = ["1", "own"]
VENDORS = ["HubSpot", "OpenRouter", "Open Router", "Apollo", "Apollo.io", "Instantly", "Stripe"]
CLIENTS = ["Apollo Dental", "Stripe & Sons", "Hubspotters Ltd"]


def rules_of(text: str, *, kind: str = "update", clients: list[str] | None = None) -> list[str]:
    found = check_wording(text, kind=kind, vendors=VENDORS, clients=clients or CLIENTS)
    return [finding.rule for finding in found]


def read_corpus(name: str) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """Sentences, vendors' names with their aliases, and clients' names."""
    corpus = json.loads((FOLDER / f"wording_corpus_{name}.json").read_text(encoding="utf-8"))
    vendors = [
        name for vendor in corpus["vendors"] for name in [vendor["name"], *vendor["aliases"]]
    ]
    return corpus["sentences"], vendors, corpus["clients"]


@pytest.mark.parametrize("name", CORPORA)
def test_each_sentence_gets_the_rules_it_breaks_and_clean_suggestions_M4_M5(name: str) -> None:
    sentences, vendors, clients = read_corpus(name)
    wrong = []
    for row in sentences:
        check = partial(check_wording, kind=row["kind"], vendors=vendors, clients=clients)
        found = check(row["text"])
        is_right = {finding.rule for finding in found} == set(row["expect"])
        fits = all(row["text"][f.start : f.end] == f.text for f in found)
        if not (is_right and fits and not any(check(f.suggestion) for f in found)):
            wrong.append((row["id"], row["text"], found))
    assert wrong == []


def test_the_second_unseen_corpus_keeps_its_first_score_M4_M5() -> None:
    """Written by another hand after the guard and never tuned on: 75 of 80, no false alarm."""
    sentences, vendors, clients = read_corpus("2")
    wrong = [
        row
        for row in sentences
        if set(row["expect"])
        != {
            finding.rule
            for finding in check_wording(
                row["text"], kind=row["kind"], vendors=vendors, clients=clients
            )
        }
    ]
    assert [row["id"] for row in wrong if not row["expect"]] == []
    assert len(wrong) <= 5


def test_each_finding_covers_its_own_sentence_M4():
    text = "Hi Anna,\n\nyour sync is paused. HubSpot broke.\n\nWe'll update you by 14:00 CET."

    (finding,) = check_wording(text, kind="update", vendors=VENDORS)

    assert finding.text == "HubSpot broke."
    assert text[finding.start : finding.end] == finding.text


def test_suggestion_keeps_what_the_client_needs_and_drops_the_culprit_M4():
    text = "Your contacts cannot be saved because HubSpot is down."

    (finding,) = check_wording(text, kind="notification", vendors=VENDORS)

    assert finding.suggestion == "Your contacts cannot be saved. We're working on it."


def test_suggestion_without_anything_to_keep_says_we_work_on_it_M4():
    (finding,) = check_wording("HubSpot broke.", kind="update", vendors=VENDORS)

    assert "working on it" in finding.suggestion
    assert "HubSpot" not in finding.suggestion


def test_suggestion_leaves_the_promise_out_M5():
    (finding,) = check_wording("This will be fixed by 5pm.", kind="update", vendors=VENDORS)

    assert "5pm" not in finding.suggestion


def test_one_sentence_can_break_three_rules_M4_M5():
    text = "HubSpot is probably down and will be fixed by 5pm."

    assert rules_of(text, kind="notification") == ["blame", "promise", "speculation"]


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in {"notification", "subject"}])
def test_speculation_passes_outside_notifications_M5(kind):
    assert rules_of("It is probably an expired key.", kind=kind) == []


@pytest.mark.parametrize("kind", KINDS)
def test_blame_and_promise_hold_for_every_kind_M4_M5(kind):
    assert rules_of("HubSpot is down.", kind=kind) == ["blame"]
    assert rules_of("It will be fixed by 5pm.", kind=kind) == ["promise"]


def test_measure_with_its_due_date_is_no_promise_in_a_postmortem_M5_W8():
    text = "- Repair the retry job (by 12 June)\n- Fix the alert (by 3 July)"

    assert rules_of(text, kind="postmortem") == []


def test_name_of_a_client_that_equals_a_vendor_stays_the_vendors_M4():
    assert rules_of("Stripe is down.", clients=["Stripe"]) == ["blame"]


@pytest.mark.parametrize(
    "text",
    ["Hub\u200bSpot broke.", "**HubSpot** broke.", "Hub Spot broke.", "HubSpot\u00a0broke.",
     "HUBSPOT BROKE!", "hubspot.com broke", "_HubSpot_ broke", "\ufeffHubSpot broke."],
)  # fmt: skip
def test_vendor_is_known_however_it_is_set_M4(text):
    (finding,) = check_wording(text, kind="update", vendors=VENDORS)

    assert finding.rule == "blame"
    assert text[finding.start : finding.end] == finding.text


def test_vendors_own_quoted_words_are_blame_M4():
    assert rules_of('HubSpot wrote: "HubSpot is experiencing an outage".') == ["blame"]


def test_quotation_never_closed_hides_nothing_M4():
    assert rules_of('You wrote: "my leads are gone. HubSpot is down.') == ["blame"]


def test_nothing_is_found_in_nothing():
    assert check_wording("", kind="update", vendors=[], clients=[]) == []
    assert check_wording(" \n\x00\n ", kind="update", vendors=["", " "], clients=[""]) == []


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="Unknown kind"):
        check_wording("HubSpot broke.", kind="poem", vendors=VENDORS)


PIECES = st.sampled_from(
    ["HubSpot", "it", "they", "is", "down", "broke", "by 5pm", "will be fixed", "probably", ".",
     ",", "\n", "\n\n", '"', "“", "”", "'", "you wrote", ":", "because", "our", "key",
     "Apollo Dental", "instantly", "not", "\u200b", "\x00", "the provider", "tomorrow",
     "—", "(", ")", "?", "- "]
)  # fmt: skip
TEXTS = st.text(max_size=300) | st.lists(PIECES, max_size=60).map(" ".join)


@given(text=TEXTS, kind=st.sampled_from(KINDS))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_gives_findings_within_its_bounds(text, kind):
    for finding in check_wording(text, kind=kind, vendors=VENDORS, clients=CLIENTS):
        assert finding.rule in RULES
        assert 0 <= finding.start < finding.end <= len(text)
        assert text[finding.start : finding.end] == finding.text
        assert finding.suggestion


@given(names=st.lists(st.text(max_size=20), max_size=5), text=st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_any_names_are_taken(names, text):
    check_wording(text, kind="update", vendors=names, clients=names)


def seconds(text: str) -> float:
    start = time.process_time()
    check_wording(text, kind="notification", vendors=VENDORS, clients=CLIENTS)
    return time.process_time() - start


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["HubSpot is ", "HubSpot and ", "the provider, which we use, ", "by 5pm will ", '"you wrote ',
     "a", "'", "(", "\n", "not our ", "due to ", "a.a.", "@", "Your sync is paused. ", "1", "-\n",
     "our very big email ", "within the next ", "> it\n"],
)  # fmt: skip
def test_time_grows_with_the_length_only(piece):
    small, large = piece * (5_000 // len(piece)), piece * (40_000 // len(piece))
    seconds(small)

    # Eight times the text may take eight times as long, and as much again for a busy machine.
    # One of three tries: another program may take the processor's caches away meanwhile.
    assert any(seconds(large) < 16 * max(seconds(small), 0.05) for _ in range(3))
