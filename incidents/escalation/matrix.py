"""Who stands behind the roles of the matrix, and by which ways they are told (E1 to E10)."""

from incidents import staff
from incidents.models import EscalationRule, Responder
from notifications.enums import Channel


def ways_to(rule: EscalationRule, person: Responder) -> dict[str, str]:
    """The channels, with their addresses, by which a rule tells a person; empty: none reaches.

    The SOP's rows name Telegram, whatever the person chose; where it is unset e-mail takes its
    place (E10). A summary (E3) and some roles (legal, E7) get an e-mail beside it. Rows of ours
    use the channel the person chose (N1).
    """
    addresses = staff.addresses_of(person)
    first = str(Channel.TELEGRAM.value)
    if rule.is_ours or first not in addresses:
        return dict(list(addresses.items())[:1])
    email = str(Channel.EMAIL.value)
    wanted = [first]
    if rule.has_email_summary or person.role in rule.email_roles:
        wanted.append(email)
    return {channel: addresses[channel] for channel in wanted if channel in addresses}
