"""Who does something: a person on a page, a person on the command line, or the system."""

from dataclasses import dataclass, replace

from django.contrib.auth.models import AnonymousUser, Group, User
from django.db.models import QuerySet

from incidents.enums import ADMIN_GROUP, SEES_ALL, Origin, Role
from incidents.prepared import prepared


@dataclass(frozen=True, slots=True)
class Actor:
    """Passed as ``by=`` to every domain function."""

    name: str
    origin: str
    user: User | None = None
    roles: frozenset[str] = frozenset()
    stands_in_for: str = ""

    @property
    def is_system(self) -> bool:
        return self.origin == Origin.SYSTEM

    @property
    def sees_all(self) -> bool:
        """Whether private incidents are shown to them that they are not on (rule W11)."""
        return not self.roles.isdisjoint(SEES_ALL)

    def has_role(self, *roles: str) -> bool:
        return bool(self.roles & set(roles))

    def standing_in_for(self, role: str) -> "Actor":
        return replace(self, stands_in_for=role)


#: The engine, the scheduler, a delivery that was recorded.
SYSTEM = Actor(name="System", origin=Origin.SYSTEM)


def actor_for(user: User | AnonymousUser, *, origin: str = Origin.HUMAN) -> Actor:
    """The person behind an account, with the roles of its groups.

    Raises ValueError for a stranger: every page but the open ones has seen a sign-in.
    """
    if not isinstance(user, User):
        raise ValueError("Nobody is signed in.")
    known = {*Role.values, ADMIN_GROUP}
    roles = known & set(_groups(user=user.pk))
    name = user.get_full_name() or user.get_username()
    return Actor(name=name, origin=origin, user=user, roles=frozenset(roles))


@prepared
def _groups(*, user: int) -> QuerySet[Group, str]:
    return Group.objects.filter(user=user).order_by().values_list("name", flat=True)
