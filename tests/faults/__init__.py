"""What dies and when must not matter: engines killed, databases restarted, locked and full.

Each test works on a migrated database of its own, with the engine as a process of its own and
real servers on loopback that write down what they accepted. `FAULTS=full` makes the runs as
large as the figures that are published; without it they are small enough for every change.
"""
