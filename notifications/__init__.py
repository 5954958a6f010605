"""Outgoing messages: the outbox, its delivery, e-mail templates and the wording guard."""
