"""`make bench`: how fast it is, as ratios against yardsticks measured in the same rounds.

Absolute times mean little on a shared machine. Each round asks every target in turn, so that
whatever else the machine does falls on all of them; a figure is the median of the rounds' ratios.

A section is a module with `measure(engine, rounds)` that returns rows; `__main__` lists them.
"""
