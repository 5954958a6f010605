"""A person who has every uncertain message sent again: `python -m tests.faults.deciding`.

The worst that can be decided: each of them that did arrive arrives twice. Prints how many there
were.
"""

import django

if __name__ == "__main__":
    django.setup()
    from django.utils import timezone

    from notifications.models import Message
    from notifications.outbox import settle_uncertain

    settled = [
        settle_uncertain(message, arrived=False, by="the fault tests", now=timezone.now())
        for message in Message.objects.uncertain()
    ]
    print(sum(settled))  # noqa: T201
