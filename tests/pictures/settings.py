"""The project's own settings in a place of its own, with the static files as they are written."""

from tests.place_settings import *  # noqa: F403

WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
