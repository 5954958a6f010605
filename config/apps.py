from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class ProjectConfig(AppConfig):
    """The composition root: settings, addresses, health and the commands that run it all."""

    name = "config"
    verbose_name = "Project"


class CollectedFilesConfig(StaticFilesConfig):
    """Static files, without the parts of Bootstrap that no page uses."""

    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        "*.rtl.*",
        "*.esm.*",
        "bootstrap-grid.*",
        "bootstrap-reboot.*",
        "bootstrap-utilities.*",
    ]
