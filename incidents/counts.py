"""Counts that cost the same however many rows there are: they stop at a cap."""

from typing import Any

from django.db.models import IntegerField, QuerySet, Subquery

#: Beyond this nobody reads the figure any more; pages say “100+”.
CAP = 100


class CountOf(Subquery):
    """The number of rows of a query, as one column of another; never more than the cap."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet[Any], *, cap: int = CAP) -> None:
        super().__init__(rows.order_by().values("pk")[: cap + 1])


def capped(count: int) -> str:
    """“7”, “100+”."""
    return f"{CAP}+" if count > CAP else str(count)
