"""Whole journeys in Chromium: every step by the right person, real mail, real time."""
