"""Suggesting a severity from three questions (rule S8); the person decides."""

from dataclasses import dataclass

from incidents.enums import Level


@dataclass(frozen=True, slots=True)
class Suggestion:
    level: int
    reason: str


def suggest_severity(
    *, is_core_stopped: bool, is_component_broken: bool, is_below_expectations: bool
) -> Suggestion:
    """The most severe question answered with yes decides; none means cosmetic.

    Judged on the effect on clients after any fallback (rule S9).
    """
    if is_core_stopped:
        return Suggestion(Level.SEV1, "the client's core automation has fully stopped.")
    if is_component_broken:
        return Suggestion(
            Level.SEV2, "automation partly works, but a key component is broken or errs."
        )
    if is_below_expectations:
        return Suggestion(
            Level.SEV3, "something non-critical is below expectations; the core is unaffected."
        )
    return Suggestion(Level.SEV4, "nothing is functionally impaired: cosmetic or an enhancement.")
