"""What the tests of the pages share with those of the floor below."""

from tests.incidents.conftest import _strict_templates, sign_in

__all__ = ["_strict_templates", "sign_in"]
