"""A demonstration that a new database starts with, and that can be removed without a trace."""

from incidents.demo.cast import DemonstrationError
from incidents.demo.clearing import Cleared, clear_demonstration
from incidents.demo.seeding import Account, Seeded, is_empty, seed_demonstration

__all__ = [
    "Account",
    "Cleared",
    "DemonstrationError",
    "Seeded",
    "clear_demonstration",
    "is_empty",
    "seed_demonstration",
]
