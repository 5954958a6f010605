"""`make pictures`: one incident from nothing to closed, photographed for the README.

The program is started as a stranger starts it, on an empty database of its own; the people of the
demonstration do every step in Chromium. The same names are written again each time.
"""
