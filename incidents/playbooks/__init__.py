"""Playbooks: what they say, how they come onto an incident, and how they are worked through."""
