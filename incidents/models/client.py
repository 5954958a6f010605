"""Clients, the systems they depend on, and their sending domains."""

import ipaddress
import re
import zoneinfo
from functools import cache

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from simple_history.models import HistoricalRecords

from incidents.enums import Side, StatusPage, Tier

_SELECTOR = re.compile(
    r"(?=.{1,190}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*", re.IGNORECASE
)


@cache
def known_time_zones() -> frozenset[str]:
    """Every IANA zone name of this machine, read from the disk once."""
    return frozenset(zoneinfo.available_timezones())


def validate_time_zone(value: str) -> None:
    """Refuse anything that is not an IANA zone name, such as ``Europe/Berlin``."""
    if value not in known_time_zones():
        raise ValidationError(
            "%(value)s is not a time zone. Use a name such as Europe/Berlin.",
            params={"value": value},
        )


def validate_selectors(value: object) -> None:
    """Refuse anything but a list of DKIM selectors: labels of the DNS, joined by dots."""
    if not isinstance(value, list):
        raise ValidationError("Give a list of selectors.")
    for word in value:
        if not isinstance(word, str) or not _SELECTOR.fullmatch(word):
            raise ValidationError(
                "“%(word)s” is not a selector such as s1.", params={"word": str(word)[:80]}
            )


def validate_addresses(value: object) -> None:
    """Refuse anything but a list of IP addresses."""
    if not isinstance(value, list):
        raise ValidationError("Give a list of addresses.")
    for word in value:
        try:
            ipaddress.ip_address(word if isinstance(word, str) else "")
        except ValueError as error:
            raise ValidationError(
                "“%(word)s” is not an address such as 203.0.113.25.",
                params={"word": str(word)[:80]},
            ) from error


class ClientQuerySet(models.QuerySet["Client"]):
    def active(self) -> "ClientQuerySet":
        return self.filter(is_active=True)

    def search(self, text: str) -> "ClientQuerySet":
        return self.filter(models.Q(name__icontains=text) | models.Q(contact_name__icontains=text))


class Client(models.Model):
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    tier = models.CharField(max_length=10, choices=Tier, default=Tier.STANDARD)
    contact_name = models.CharField(
        max_length=120, blank=True, help_text="Client mails greet this person: “Hi Anna,”."
    )
    contact_email = models.EmailField(
        blank=True, help_text="One address. Without it this client's mail is blocked (task raised)."
    )
    time_zone = models.CharField(
        max_length=64,
        default="Europe/Berlin",
        validators=[validate_time_zone],
        help_text="Times in client mails are given in this zone.",
    )
    hubspot_deal = models.CharField(
        "HubSpot deal", max_length=40, blank=True, help_text="The deal's number in HubSpot."
    )
    digest_weekday = models.PositiveSmallIntegerField(
        default=4,
        validators=[MaxValueValidator(6)],
        help_text="Scheduled update: 0 is Monday, 4 is Friday.",
    )
    digest_hour = models.PositiveSmallIntegerField(
        default=10, validators=[MaxValueValidator(23)], help_text="In the client's time zone."
    )
    digest_is_automatic = models.BooleanField(
        "scheduled update leaves by itself",
        default=False,
        help_text="At its hour, unless the wording guard finds something.",
    )
    notes = models.TextField(blank=True, max_length=10_000)
    since = models.DateTimeField(help_text="Client since. No incident of theirs is older.")
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False, editable=False)

    history = HistoricalRecords()
    objects = ClientQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="client_name_unique"),
            models.CheckConstraint(condition=models.Q(tier__in=Tier.values), name="client_tier"),
            models.CheckConstraint(
                condition=models.Q(digest_weekday__lte=6) & models.Q(digest_hour__lte=23),
                name="client_digest_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("incidents:client-detail", args=[self.slug])

    @property
    def is_premium(self) -> bool:
        return self.tier == Tier.PREMIUM

    @property
    def has_contact(self) -> bool:
        return bool(self.contact_email)

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def greeting(self) -> str:
        """The first name of the contact, or the client's name where nobody is named."""
        return self.contact_name.split(" ")[0] if self.contact_name else self.name


class SendingDomain(models.Model):
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="sending_domains")
    name = models.CharField(max_length=253, unique=True)
    dkim_selectors = models.JSONField(
        "DKIM selectors", default=list, blank=True, help_text="As a list; they cannot be found out."
    )
    sending_ips = models.JSONField(
        "sending addresses", default=list, blank=True, help_text="IP addresses, as a list."
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        for field, check in (
            ("dkim_selectors", validate_selectors),
            ("sending_ips", validate_addresses),
        ):
            try:
                check(getattr(self, field))
            except ValidationError as error:
                raise ValidationError({field: error}) from error


class SystemQuerySet(models.QuerySet["System"]):
    def active(self) -> "SystemQuerySet":
        return self.filter(is_active=True)

    def vendor_names(self) -> list[str]:
        """Names and aliases of third-party systems, for the wording guard (rule M4)."""
        vendors = self.filter(side=Side.THIRD_PARTY).values_list("vendor", "aliases")
        return sorted({name for vendor, aliases in vendors for name in [vendor, *aliases] if name})


class System(models.Model):
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    side = models.CharField(
        max_length=12,
        choices=Side,
        default=Side.OURS,
        help_text="Names of third-party systems may not be blamed in client mail.",
    )
    vendor = models.CharField(
        max_length=80, blank=True, help_text="The vendor's name, for third-party systems."
    )
    aliases = models.JSONField(
        default=list, blank=True, help_text="Other names of the vendor, as a list of texts."
    )
    plain_name = models.CharField(
        max_length=120, help_text="In the client's words: “your outreach e-mails”."
    )
    status_page = models.CharField(
        max_length=14, choices=StatusPage, default=StatusPage.NONE, verbose_name="status page kind"
    )
    status_page_url = models.URLField(blank=True)
    backup = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="backs_up",
        help_text="What the playbook's “switch to backup” names.",
    )
    playbook = models.ForeignKey(
        "incidents.Playbook",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="systems",
        help_text="Attached at triage of an incident on this system.",
    )
    clients = models.ManyToManyField(
        Client, through="Dependency", related_name="systems", blank=True
    )
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False, editable=False)

    history = HistoricalRecords()
    objects = SystemQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="system_name_unique"),
            models.CheckConstraint(condition=models.Q(side__in=Side.values), name="system_side"),
            models.CheckConstraint(
                condition=~models.Q(side=Side.THIRD_PARTY) | ~models.Q(vendor=""),
                name="system_third_party_has_vendor",
            ),
            models.CheckConstraint(
                condition=models.Q(status_page=StatusPage.NONE) | ~models.Q(status_page_url=""),
                name="system_status_page_has_url",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("incidents:system-detail", args=[self.slug])

    def clean(self) -> None:
        if not isinstance(self.aliases, list) or not all(isinstance(a, str) for a in self.aliases):
            raise ValidationError({"aliases": "Give a list of names."})
        if self.backup_id and self.backup_id == self.pk:
            raise ValidationError({"backup": "A system cannot be its own backup."})


class Dependency(models.Model):
    """A client depends on a system; prefills the scope of an incident (rule W3)."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="dependencies")
    system = models.ForeignKey(System, on_delete=models.CASCADE, related_name="dependencies")
    is_only_channel = models.BooleanField(
        default=False, help_text="The client's only channel: its failure stops everything."
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["client__name"]
        verbose_name_plural = "dependencies"
        constraints = [
            models.UniqueConstraint(fields=["client", "system"], name="dependency_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.client} depends on {self.system}"
