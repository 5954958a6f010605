"""The wording guard against its corpora (rules M4, M5)."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.wording import KINDS, RULES, check_wording

FOLDER = Path(__file__).parent
#: The sentences of the one who wrote no guard, and those the guard was designed with.
CORPORA = [FOLDER / "wording_corpus_1.json", FOLDER / "wording_corpus_own.json"]
VENDORS = ["HubSpot", "OpenRouter", "Open Router", "Apollo", "Apollo.io", "Instantly", "Stripe"]
CLIENTS = ["Apollo Dental", "Stripe & Sons", "Hubspotters Ltd"]


def rules_of(text: str, *, kind: str = "update", clients: list[str] | None = None) -> list[str]:
    found = check_wording(text, kind=kind, vendors=VENDORS, clients=clients or CLIENTS)
    return [finding.rule for finding in found]


def corpus_cases() -> list[Any]:
    cases = []
    for path in CORPORA:
        corpus = json.loads(path.read_text(encoding="utf-8"))
        vendors = [n for v in corpus["vendors"] for n in [v["name"], *v["aliases"]]]
        for sentence in corpus["sentences"]:
            name = f"{path.stem.removeprefix('wording_corpus_')}-{sentence['id']}"
            cases.append(pytest.param(sentence, vendors, corpus["clients"], id=name))
    return cases


@pytest.mark.parametrize(("sentence", "vendors", "clients"), corpus_cases())
def test_sentence_gets_the_rules_it_breaks_and_clean_suggestions_M4_M5(sentence, vendors, clients):
    text, kind = sentence["text"], sentence["kind"]

    found = check_wording(text, kind=kind, vendors=vendors, clients=clients)

    assert {finding.rule for finding in found} == set(sentence["expect"])
    for finding in found:
        assert text[finding.start : finding.end] == finding.text
        assert check_wording(finding.suggestion, kind=kind, vendors=vendors, clients=clients) == []


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
    small, large = piece * (10_000 // len(piece)), piece * (80_000 // len(piece))
    seconds(small)

    # Eight times the text may take eight times as long, and as much again for a busy machine.
    assert seconds(large) < 16 * max(seconds(small), 0.1)
